// Marks: what became of an answer is said beneath its last words, and that a message waits, beneath it.
"use strict";

const CUTS = { "steer.consumed": "cut here by a steer", "interrupt.consumed": "cut here by an interrupt" };
const AWAY = "The server does not answer; what was said is kept.";
const BESIDE = new Set([...SIGNALS, "message.offered"]);  // what parts no mark from its words
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
    } else if (isShown(item) && !BESIDE.has(item.kind)) words = undefined;
  }
  if (!state.end) return;
  state.end.covered = words !== undefined;
  fold.changed.add(state.end);
  if (words) mark(words, endOf(state));
}

function endOf(run) {
  if (run.state !== "cancelled") return RUN_STATES[run.state];
  const by = run.stops.size ? ` by ${[...run.stops].join(" and ")}` : "";
  return `stopped here${by}${whatStays(run)}`;
}

// What a stopped run had done with its calls: a stop takes none of them back.
function whatStays(run) {
  if (run.state !== "cancelled") return "";
  const names = new Set();
  for (const { kind, data, result } of run.items) {
    if (kind === "tool.call" && result && !result.gone && result.data.error !== true) names.add(textOf(data.name));
  }
  return names.size ? `; done before, and not taken back: ${shortened([...names].join(", "), NOTE_CHARS)}` : "";
}

function mark(item, words) {
  if ((item.mark ?? "") === words) return;
  item.mark = words;
  fold.changed.add(item);
}

function writeMark(item) {
  if (item.mark) item.foot ??= item.element.appendChild(make("small", "", "mark"));
  if (!item.foot) return;
  item.foot.classList.toggle("complete", item.mark === RUN_STATES.complete);
  write(item.foot, item.mark);
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
  if (target() !== undefined) return "Steer changes this answer; Stop ends it. A message that you send waits for its turn.";
  return "Enter sends. Steer and Stop work while an answer comes.";
}
