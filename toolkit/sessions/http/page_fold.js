// The fold of a session's events: statement by statement that of `Conversation` in conversation.py, which a test holds
// it to. Nothing here looks at the document, and no event costs more than the run that it is about.
"use strict";

const SIGNALS = new Set(["cancel", "steer", "interrupt", "approve"]);
const LIFECYCLE = new Set([
  "run.started", "run.adopted", "run.suspended", "run.resumed", "run.finished",
  "joined", "left", "text.done", "step.started", "run.rolled_back",
]);
const RECEIPTS = new Set(["steer.consumed", "interrupt.consumed"]);
const SCREEN_CHARS = 64;  // what is shown of a screen's name
const ENDED = new Set(["complete", "cancelled", "error", "orphaned"]);

// All that a session says is hostile: it becomes text, and nothing else.
const textOf = value => typeof value === "string" ? value : JSON.stringify(value ?? "") ?? "";

// A snapshot's words, item by item; null for what some other program wrote that is no snapshot.
function piecesOf({ run, data }) {
  const { covers, items, open, text } = data;
  if (!Number.isInteger(covers) || !Array.isArray(items)) return null;
  if (open === undefined || text === undefined) return null;
  const letters = Array.from(textOf(text));
  const pieces = [];
  let at = 0;
  for (const entry of items) {
    if (!Array.isArray(entry) || entry.length !== 6) return null;
    const [id, seq, , chars, step, actor] = entry;
    if (!Number.isInteger(seq) || !Number.isInteger(chars)) return null;
    const words = letters.slice(at, at + chars).join("");
    at += chars;
    pieces.push({
      id, kind: "text.delta", actor: textOf(actor), run, seq, data: {}, text: words, step,
      remark: "", gone: false,
    });
  }
  return pieces;
}

// An event's actor, and the screen that it came from where that is named.
function whoOf({ actor, data: { screen } }, comma = "") {
  if (!screen || typeof screen !== "string") return actor;
  return `${actor}${comma} on the ${screen.slice(0, SCREEN_CHARS)}`;
}

const callOf = ({ run, data }) => `${run ?? ""} ${textOf(data.call_id)}`;

class Fold {
  cursor = 0;
  items = [];  // in the order of the log; one that is `gone` counts no more
  runs = new Map();
  active = new Set();  // the runs under way, in the order in which they began
  open = new Map();  // for each run, the item that its next words belong to
  signals = new Map();  // by the id of their event: what can still be answered
  questions = new Map();  // by the id of the event that asked
  calls = new Map();  // by run and call id: a call of a tool whose result has not come
  asked = new Map();  // by the run that is to answer it: a message whose answer has not begun
  lastEnd = "";  // the state of the run that ended last
  answered = 0;  // where the last message stands whose answer has begun
  changed = new Set();  // items to be drawn, or drawn again
  hasGone = false;

  apply(event) {
    const { kind, run, seq, actor } = event;
    if (kind === "text.snapshot") return this.replace(event);
    if (seq <= this.cursor) return;
    this.cursor = seq;
    if (kind === "text.delta") return this.grow(event);
    if (LIFECYCLE.has(kind)) return this.live(event);
    const state = this.runs.get(run ?? "");
    // Somebody's signal does not part an agent's words: the agent, who makes the snapshots, may not know of it.
    if (!SIGNALS.has(kind) && (!state || actor === state.actor)) this.close(run ?? "", seq);
    this.answer(event, this.place(this.item(event)));
  }

  close(run, seq) {
    const state = this.runs.get(run);
    if (!state || seq > state.wordsSeq) this.open.delete(run);
  }

  item({ id, kind, actor, run, seq, data }) {
    const text = kind === "text.delta" ? "" : textOf(data.text || data.content || "");
    const step = this.runs.get(run ?? "")?.step ?? null;
    return { id, kind, actor, run: run ?? null, seq, data, text, step, remark: "", gone: false };
  }

  // Items stand in the order of the log, though a snapshot's come before what lies between them.
  place(item) {
    const { items } = this;
    if (!items.length || item.seq >= items[items.length - 1].seq) items.push(item);
    else items.splice(this.indexAfter(item.seq), 0, item);
    this.state(item.run ?? "", item.actor, false)?.items.push(item);
    this.changed.add(item);
    return item;
  }

  indexAfter(seq) {
    let [low, high] = [0, this.items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (seq < this.items[middle].seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  state(run, actor, make = true) {
    if (!this.runs.has(run) && make) {
      // What stands there already of a run that is known only now: a signal may come before it.
      const items = this.items.filter(item => (item.run ?? "") === run && !item.gone);
      this.runs.set(run, {
        actor, state: "active", source: null, step: null, started: 0, wordsSeq: 0, items,
        stops: new Set(), end: null,
      });
    }
    return this.runs.get(run);
  }

  grow(event) {
    const run = event.run ?? "", state = this.runs.get(run);
    if (state && event.seq <= state.wordsSeq) return;
    if (!this.open.has(run)) this.open.set(run, this.place(this.item(event)));
    const item = this.open.get(run);
    item.text += textOf(event.data.text);
    this.changed.add(item);
    if (state) state.wordsSeq = event.seq;
  }

  // A snapshot: the run's words so far, item by item, in the place of those that are here.
  replace(event) {
    const pieces = piecesOf(event);
    if (!pieces) return;
    const run = event.run ?? "";
    const state = this.state(run, event.actor);
    if (event.data.covers <= state.wordsSeq) return;
    if (state.wordsSeq) this.drop(state, item => item.kind === "text.delta");
    state.wordsSeq = event.data.covers;
    this.open.delete(run);
    for (const piece of pieces) this.place(piece);
    if (event.data.open && pieces.length) this.open.set(run, pieces[pieces.length - 1]);
  }

  live(event) {
    const { kind, seq, actor, data } = event, run = event.run ?? "";
    if (kind === "joined" || kind === "left") return;
    const state = this.state(run, actor);
    if (kind === "text.done") return this.close(run, seq);
    if (ENDED.has(state.state)) return;
    if (kind === "run.started") {
      state.source = textOf(data.source);
      state.started = seq;
      this.active.add(run);
      this.beginAnswer(run, seq);
      for (const item of state.items) this.changed.add(item);
    } else if (kind === "run.finished") {
      state.state = ENDED.has(data.outcome) ? data.outcome : "error";
      this.lastEnd = state.state;
      this.active.delete(run);
      state.end = this.place({ ...this.item(event), run: null, ends: run, text: RUN_STATES[state.state] });
      for (const [id, item] of this.questions) if (item.run === run) this.settle(id, "");
    } else if (kind === "step.started") {
      state.step = textOf(data.step);
      this.takeBack(run, seq, item => item.step === state.step);
    } else if (kind === "run.rolled_back") this.takeBack(run, seq, () => true);
    else {
      state.state = kind === "run.suspended" ? "suspended" : "active";
      if (kind === "run.adopted") state.actor = actor;
    }
  }

  // Messages are answered in their order: those before this one are not to be answered.
  beginAnswer(run, at) {
    const message = this.asked.get(run);
    if (!message) return;
    this.answered = message.seq;
    for (const [id, item] of this.asked) {
      if (item.seq > message.seq) {
        item.waits = true;
        this.changed.add(item);
      } else {
        this.asked.delete(id);
        this.takePlace(item, at);
      }
    }
  }

  // A message that has waited stands where its answer begins, below the answer that it waited for.
  takePlace(item, at) {
    if (item.waits) item.at = at;
    item.waits = false;
    this.changed.add(item);
  }

  takeBack(run, seq, isOf) {
    const state = this.runs.get(run);
    const isDuring = item => item.seq >= state.started && item.seq < seq;
    const isOutput = item => item.run === run && !SIGNALS.has(item.kind);
    this.drop(state, item => isDuring(item) && isOutput(item) && isOf(item));
    this.close(run, seq);
  }

  drop(state, isGone) {
    for (const item of state.items) if (isGone(item)) item.gone = this.hasGone = true;
    state.items = state.items.filter(item => !item.gone);
  }

  // What an event says about an earlier one is shown there too.
  answer(event, item) {
    const { kind, data } = event;
    if (SIGNALS.has(kind)) this.signals.set(event.id, item);
    if (kind === "message") {
      item.waits = this.active.size > 0 && this.answered > 0;
      this.asked.set(`run-${event.id}`, item);
    } else if (kind === "message.rejected") this.reject(`run-${textOf(data.event)}`, event.seq);
    else if (kind === "tool.call") this.calls.set(callOf(event), item);
    else if (kind === "tool.result") this.pair(callOf(event), item);
    else if (RECEIPTS.has(kind)) {
      const signal = this.signals.get(data.event);
      item.covered = signal !== undefined;
      this.remark(signal, `${event.actor} has read it`);
    } else if (kind === "approval.asked") this.questions.set(event.id, item);
    else if (kind === "approve") this.settle(data.request, "");
    else if (kind === "approval.settled") {
      const answer = data.answer === true ? "yes" : data.answer === false ? "no" : textOf(data.why) || "no answer";
      this.settle(data.request, answer);
    } else if (kind === "signal.unused") this.remark(this.signals.get(data.event), `not used: ${textOf(data.why)}`);
    else if (kind === "cancel" && event.run) {
      const stops = this.runs.get(event.run)?.stops;
      item.repeated = stops?.has(whoOf(event)) ?? false;
      stops?.add(whoOf(event));
    }
  }

  reject(run, at) {
    const message = this.asked.get(run);
    this.asked.delete(run);
    if (message) this.takePlace(message, at);
  }

  // A result is shown in the card of its call.
  pair(id, result) {
    const call = this.calls.get(id);
    if (!call || call.gone) return;
    this.calls.delete(id);
    call.result = result;
    result.covered = true;
    this.changed.add(call);
  }

  settle(request, answer) {
    const item = this.questions.get(request);
    if (!item) return;
    item.settled = true;
    this.remark(item, answer);
  }

  remark(item, words) {
    if (!item) return;
    item.remark = words || item.remark;
    this.changed.add(item);
  }
}
