// Marks: what became of an answer is said beneath its last words, and that a message waits, beneath it.
"use strict";

const CUTS = { "steer.consumed": "cut here by a steer", "interrupt.consumed": "cut here by an interrupt" };
const AWAY = "The server does not answer; what was said is kept.";
const WAITS = "waits for its turn";

let queued = [];  // the messages that are marked as waiting

// Mark what has changed. Words that only grow change no mark.
function markAll() {
  const runs = new Set();
  for (const item of fold.changed) {
    if (!item.element || item.kind !== "text.delta") runs.add(item.ends ?? item.run ?? "");
  }
  for (const run of runs) if (fold.runs.has(run)) markAnswer(fold.runs.get(run));
  markWaiting();
}

// A signal and an end of the run that come right behind its words are told by a mark beneath them.
function markAnswer(state) {
  let words;  // the last, while nothing else of the run is shown behind it
  for (const item of state.items.toSorted((a, b) => a.seq - b.seq)) {
    if (item.kind === "text.delta") {
      words = item;
      mark(words, "");
    } else if (item.kind in CUTS && words) mark(words, CUTS[item.kind]);
    else if (item.kind === "cancel") {
      item.covered = words !== undefined && !item.remark;
      if (item.covered) mark(words, `${whoOf(item)} asks to stop`);
      fold.changed.add(item);
    } else if (isShown(item) && !SIGNALS.has(item.kind)) words = undefined;
  }
  if (!state.end) return;
  state.end.covered = words !== undefined;
  fold.changed.add(state.end);
  if (words) mark(words, endOf(state));
}

function endOf({ state, stops }) {
  if (state !== "cancelled") return RUN_STATES[state];
  return stops.size ? `stopped here by ${[...stops].join(" and ")}` : "stopped here";
}

function mark(item, words) {
  if ((item.mark ?? "") === words) return;
  item.mark = words;
  fold.changed.add(item);
}

function writeMark(item) {
  if (item.mark) item.foot ??= item.element.appendChild(make("small", "", "mark"));
  if (item.foot) write(item.foot, item.mark);
}

// The messages that wait while another is answered.
function waitingMessages() {
  const waits = [];
  if (!fold.active.size || !fold.answered) return waits;
  for (const item of fold.asked.values()) if (item.seq > fold.answered) waits.push(item);
  return waits;
}

function markWaiting() {
  for (const item of queued) mark(item, "");
  queued = waitingMessages();
  for (const item of queued) mark(item, WAITS);
}

// --- The keys, and what they do now.

function drawKeys() {
  if (building.isBuild) return drawBuildKeys(building.status());
  const isIdle = target() === undefined;
  $("stop").disabled = isIdle;
  $("steer").disabled = isIdle || isAway();
  write($("hint"), hint());
}

function hint() {
  if (isAway()) return target() === undefined ? AWAY : `${AWAY} Stop is sent as soon as it does.`;
  const { length } = queued;
  const wait = length === 1 ? "1 message waits" : `${length} messages wait`;
  if (fold.lastEnd === "cancelled" && fold.active.size && fold.answered) {
    const more = length ? `; ${wait}` : "";
    return `The answer before was stopped. The next has begun${more}: Stop ends this one.`;
  }
  if (length) return `Stop ends this answer alone: ${wait} for the next.`;
  return "Steer changes the answer under way; Stop ends it.";
}
