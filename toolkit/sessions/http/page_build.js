// A build that is kept on the session: roles, turns, contracts, cost. The fold is that of `WatchedBuild` in
// harness/watching, statement by statement; a test holds it to that. Nothing here looks at the document.
"use strict";

const LOOP = "harness";  // the actor of the loop's own run
const BUILD_KINDS = new Set([
  "build.started", "sprint.started", "contract.frozen", "check.result", "verdict", "build.finished",
]);
const USUAL = ["planner", "generator", "evaluator"];
const GRADED = ["pass", "fail"];
const BUILD_ENDS = ["complete", "failed", "budget", "halted", "cancelled"];
const TURN_ENDS = ["complete", "cancelled", "error", "orphaned"];
const TURN_STATES = { "run.suspended": "suspended", "run.resumed": "active", "run.adopted": "active" };
const ASKS = ["steer", "interrupt", "cancel"];
const MOST = { lanes: 24, files: 40, sprints: 100, lines: 60, rounds: 30, exhibits: 12, covers: 10_000 };
const KEPT_TURNS = 6;
const KEPT_CHARS = 8000;
const WHY_CHARS = 2000;
const SHOWN_REQUESTS = 5;

const stringOf = value => typeof value === "string" ? value : "";
const numberOf = value => Number.isFinite(value) ? value : null;
const countOf = value => Number.isInteger(value) && value >= 0 && value <= 1e9 ? value : 0;
const arrayOf = value => Array.isArray(value) ? value : [];
const objectOf = value => value && typeof value === "object" && !Array.isArray(value) ? value : {};
const lastOf = values => [...values].pop();

// What people ask of the build, and the questions that it puts.
class Requests {
  asked = new Map();
  questions = new Map();

  apply(event) {
    const { kind, data, id, run } = event;
    const subject = this.asked.get(stringOf(data.event));
    if (ASKS.includes(kind)) {
      const words = kind === "cancel" ? "stop" : stringOf(data.text) || kind;
      this.asked.set(id, { who: whoOf(event), words, kind, run: run ?? null, heard: false, unused: "" });
    } else if (RECEIPTS.has(kind) && subject) subject.heard = true;
    else if (kind === "signal.unused" && subject) subject.unused = stringOf(data.why) || "nobody could use it";
    else if (kind === "approval.asked") this.questions.set(id, { words: stringOf(data.question), run: run ?? null });
    else if (kind === "approval.settled") this.questions.delete(stringOf(data.request));
    else if (kind === "run.finished") this.endRun(event);
  }

  endRun({ run, data }) {
    if (data.outcome === "cancelled") {
      for (const stop of this.pendingStops()) if (stop.run === null || stop.run === run) stop.heard = true;
    }
    for (const [id, question] of this.questions) if (question.run === (run ?? null)) this.questions.delete(id);
  }

  pendingStops() {
    return [...this.asked.values()].filter(({ kind, heard, unused }) => kind === "cancel" && !heard && !unused);
  }

  last() {
    return [...this.asked.values()].slice(-SHOWN_REQUESTS).map(({ who, words, heard, unused }) => {
      const state = heard ? "heard" : unused ? `not used: ${unused}` : "not heard yet";
      return `${who} asked: ${words} · ${state}`;
    });
  }
}

// A lane for each role, by the runs of the roles.
class Lanes {
  lanes = new Map(USUAL.map(role => [role, laneOf(role)]));
  turns = new Map();  // those that are kept, by their runs
  covers = new Map();
  calls = new Map();
  sources = new Set();
  active = new Set();
  hasBegun = false;

  expect(roles) {
    if (!roles.length) return;
    const begun = [...this.lanes.keys()].filter(role => this.lanes.get(role).nTurns);
    const known = new Set([...roles.slice(0, MOST.lanes), ...begun]);
    this.lanes = new Map([...known].map(role => [role, this.lanes.get(role) ?? laneOf(role)]));
  }

  apply(event) {
    const { kind, run, data } = event;
    if (run === null || run === undefined) return;
    if (kind === "run.started") return this.start(event);
    const turn = this.turns.get(run);
    if (kind === "model.usage") this.count(event);
    else if (kind === "run.finished") {
      this.active.delete(run);
      if (turn) turn.state = TURN_ENDS.includes(data.outcome) ? data.outcome : "error";
    } else if (turn) this.applyToTurn(event, turn);
  }

  lane(role) {
    if (!this.lanes.has(role) && this.lanes.size < MOST.lanes) this.lanes.set(role, laneOf(role));
    return this.lanes.get(role);
  }

  start({ actor, run, data }) {
    const lane = this.lane(actor);
    if (!lane || this.active.has(run)) return;
    const source = SOURCES.includes(data.source) ? data.source : "imported";
    const turn = this.turns.get(run) ?? turnOf(run, actor);
    Object.assign(turn, { source, state: "active" });
    this.hasBegun = true;
    this.sources.add(source);
    this.active.add(run);
    this.turns.set(run, turn);
    lane.nTurns += 1;
    lane.turns.push(turn);
    for (const old of lane.turns.slice(0, -KEPT_TURNS)) {
      this.turns.delete(old.run);
      this.covers.delete(old.run);
    }
    lane.turns = lane.turns.slice(-KEPT_TURNS);
  }

  count({ actor, data }) {
    const lane = this.lane(actor);
    if (!lane) return;
    const usage = objectOf(data.usage);
    lane.calls += 1;
    lane.costUsd += Math.max(0, numberOf(data.cost_usd) ?? 0);
    lane.tokens += countOf(usage.input_tokens) + countOf(usage.output_tokens);
  }

  applyToTurn({ kind, data, seq }, turn) {
    if (kind in TURN_STATES) turn.state = TURN_STATES[kind];
    else if (kind === "turn.started") Object.assign(turn, { step: stringOf(data.step), number: countOf(data.number) });
    else if (kind === "text.delta") {
      if (seq > (this.covers.get(turn.run) ?? 0)) turn.words = endOfText(turn.words + stringOf(data.text));
    } else if (kind === "run.rolled_back") Object.assign(turn, { words: "", files: [] });
    else if (kind === "tool.call" && data.name === "write_file") this.write(turn, data);
    else if (kind === "tool.result") this.answer(turn, data);
  }

  write(turn, data) {
    const path = stringOf(objectOf(data.arguments).path);
    this.calls.set(stringOf(data.call_id), { run: turn.run, path });
    if (turn.files.length < MOST.files) turn.files.push(path);
  }

  answer(turn, data) {
    const call = this.calls.get(stringOf(data.call_id));
    this.calls.delete(stringOf(data.call_id));
    const at = turn.files.indexOf(call?.path);
    if (call?.run === turn.run && data.error === true && at >= 0) turn.files.splice(at, 1);
  }

  replace({ run, actor, data }) {
    const id = run ?? "";
    if (!Number.isInteger(data.covers) || data.covers <= (this.covers.get(id) ?? 0)) return;
    if (this.covers.size > MOST.covers) return;
    this.covers.set(id, data.covers);
    if (!this.turns.has(id)) this.turns.set(id, turnOf(id, actor));
    this.turns.get(id).words = endOfText(stringOf(data.text));
  }

  get all() {
    return [...this.lanes.values()];
  }
}

const laneOf = role => ({ role, turns: [], nTurns: 0, calls: 0, costUsd: 0, tokens: 0 });
const turnOf = (run, role) =>
  ({ run, role, state: "active", source: "", words: "", files: [], step: "", number: 0 });
const endOfText = text => text.length <= KEPT_CHARS ? text : text.slice(-KEPT_CHARS);
const isAtWork = ({ turns }) => turns.some(({ state }) => state === "active" || state === "suspended");

// What each sprint promised, and what came of it by round.
class Contracts {
  sprints = new Map();
  nPlanned = 0;
  banner = "";
  before = new Map();

  apply({ kind, data }) {
    if (kind === "sprint.started") {
      this.nPlanned = Math.max(this.nPlanned, countOf(data.of));
      this.begin(sprintOf(countOf(data.sprint) || 1, stringOf(data.goal)));
    } else if (kind === "contract.frozen") this.freeze(data);
    else if (kind === "check.result") {
      this.banner = stringOf(data.banner) || this.banner;
      this.check(data);
    } else if (kind === "verdict") this.judge(data);
  }

  begin(sprint) {
    this.sprints.delete(sprint.number);
    this.before.clear();
    if (this.sprints.size < MOST.sprints) this.sprints.set(sprint.number, sprint);
  }

  freeze(data) {
    const number = countOf(data.sprint) || 1;
    const sprint = sprintOf(number, this.sprints.get(number)?.goal ?? "", stringOf(data.sha256));
    for (const value of arrayOf(data.criteria).slice(0, MOST.lines)) {
      const line = lineOf(objectOf(value));
      if (this.before.has(line.id)) line.cells.set(0, this.before.get(line.id));
      sprint.lines.set(line.id, line);
    }
    this.begin(sprint);
  }

  sprint(data) {
    return this.sprints.get(countOf(data.sprint)) ?? lastOf(this.sprints.values());
  }

  check(data) {
    const id = stringOf(data.criterion);
    const round = countOf(data.round);
    const cell = cellOf(data, "finding", false);
    const sprint = this.sprint(data);
    const earlier = countOf(data.regression_of);
    if (earlier) {
      if (sprint) put(this.earlierLine(sprint, earlier, id), round, cell);
    } else if (round === 0) {
      if (this.before.size < MOST.lines) this.before.set(id, cell);
    } else if (sprint?.lines.has(id)) {
      sprint.round = Math.max(sprint.round, round);
      put(sprint.lines.get(id), round, cell);
    }
  }

  earlierLine(sprint, earlier, id) {
    const key = `${earlier}/${id}`;
    if (!sprint.earlier.has(key) && sprint.earlier.size < MOST.lines) {
      const before = this.sprints.get(earlier)?.lines.get(id);
      sprint.earlier.set(key, { ...emptyLine(key), claim: before?.claim ?? "", kind: before?.kind ?? "" });
    }
    return sprint.earlier.get(key) ?? emptyLine(key);
  }

  judge(data) {
    const id = stringOf(data.criterion);
    const round = countOf(data.round);
    const sprint = this.sprint(data);
    if (!sprint?.lines.has(id) || !round) return;
    sprint.round = Math.max(sprint.round, round);
    put(sprint.lines.get(id), round, cellOf(data, "verdict", true));
  }
}

const sprintOf = (number, goal, sha256 = "") =>
  ({ number, goal, sha256, lines: new Map(), earlier: new Map(), round: 0 });
const emptyLine = id => ({ id, claim: "", kind: "", notes: [], cells: new Map() });
const nowOf = ({ cells }) => cells.get(Math.max(...cells.keys()));
const holds = line => { const now = nowOf(line); return Boolean(now?.isVerdict) && now.grade === "pass"; };

function lineOf(criterion) {
  const notes = [];
  if (criterion.held_out === true) notes.push("held out");
  if (criterion.regression === true) notes.push("regression");
  const kind = stringOf(objectOf(criterion.check).kind);
  const claim = stringOf(criterion.claim).slice(0, WHY_CHARS);
  return { ...emptyLine(stringOf(criterion.id)), claim, kind, notes };
}

// Whatever is no pass and no fail is unscored.
function cellOf(data, name, isVerdict) {
  const grade = GRADED.includes(data[name]) ? data[name] : "unscored";
  const evidence = arrayOf(data.evidence).slice(0, MOST.exhibits).map(objectOf)
    .map(file => ({ name: stringOf(file.name), sha256: stringOf(file.sha256) }));
  return { grade, why: stringOf(data.why).slice(0, WHY_CHARS), isVerdict, evidence };
}

// A verdict stands above the check that it is about.
function put({ cells }, round, cell) {
  if (cells.get(round)?.isVerdict && !cell.isVerdict) return;
  if (cells.has(round) || cells.size < MOST.rounds) cells.set(round, cell);
}

class WatchedBuild {
  cursor = 0;
  isBuild = false;  // whether any event was of a build
  requests = new Requests();
  lastSaid = "";
  trouble = "";
  lastS = null;
  changed = false;

  constructor() {
    this.begin();
  }

  begin() {
    this.goal = "";
    this.budget = {};
    this.roles = new Lanes();
    this.contracts = new Contracts();
    this.loopRun = "";
    this.loopEnded = false;
    this.outcome = null;
    this.why = "";
  }

  apply(event) {
    const { kind, actor, data, run, seq, time } = event;
    this.changed = true;
    if (kind === "text.snapshot") return this.roles.replace(event);
    if (seq <= this.cursor) return;
    this.cursor = seq;
    this.lastS = time || this.lastS;
    this.isBuild ||= BUILD_KINDS.has(kind);
    this.requests.apply(event);
    if (kind === "run.started" && actor === LOOP) this.beginLoop(run ?? "");
    else if (kind === "run.finished" && run === this.loopRun) this.loopEnded = true;
    else if (kind === "message") {
      this.lastSaid = stringOf(data.text);
      this.goal ||= this.lastSaid;
    } else if (kind === "error") this.trouble = stringOf(data.why);
    else if (kind === "build.started") {
      this.goal = stringOf(data.goal) || this.goal;
      this.budget = objectOf(data.budget);
      this.roles.expect(arrayOf(data.roles).map(stringOf));
    } else if (kind === "build.finished") {
      this.outcome = BUILD_ENDS.includes(data.outcome) ? data.outcome : "halted";
      this.why = stringOf(data.why);
    } else {
      this.roles.apply(event);
      this.contracts.apply(event);
    }
  }

  beginLoop(run) {
    this.begin();
    this.goal = this.lastSaid;
    this.loopRun = run;
  }

  phase() {
    const { roles, loopRun, requests } = this;
    if (!this.isBuild && !roles.hasBegun && !loopRun) return "not begun";
    if (this.outcome !== null || this.loopEnded || !(roles.active.size || loopRun)) return "ended";
    if (requests.pendingStops().length) return "stopping";
    return requests.questions.size ? "waiting" : "running";
  }

  status() {
    const { roles, contracts, requests, budget } = this;
    const sprints = [...contracts.sprints.values()];
    const [question] = requests.questions;
    const nSprints = Math.max(contracts.nPlanned, sprints.length);
    return {
      phase: this.phase(), goal: this.goal, source: SOURCES.find(source => roles.sources.has(source)) ?? "",
      lanes: roles.all, sprints, nSprints,
      spentUsd: roles.all.reduce((sum, lane) => sum + lane.costUsd, 0),
      tokens: roles.all.reduce((sum, lane) => sum + lane.tokens, 0),
      budgetUsd: numberOf(budget.cost_usd), budgetTokens: countOf(budget.tokens) || null,
      requests: requests.last(), question: question?.[1].words ?? "", questionId: question?.[0] ?? "",
      outcome: this.outcome, why: this.why, banner: contracts.banner, trouble: this.trouble, lastS: this.lastS,
      position: progressOf(sprints, nSprints),
    };
  }
}

function progressOf(sprints, nSprints) {
  const parts = [];
  const sprint = sprints.at(-1);
  if (sprint && nSprints > 1) parts.push(`sprint ${sprint.number} of ${nSprints}`);
  if (sprint?.round) parts.push(`round ${sprint.round}`);
  const lines = sprints.flatMap(({ lines }) => [...lines.values()]);
  if (lines.length) {
    const noun = lines.length === 1 ? "criterion holds" : "criteria hold";
    parts.push(`${lines.filter(holds).length} of ${lines.length} ${noun}`);
  }
  return parts.join(" · ");
}
