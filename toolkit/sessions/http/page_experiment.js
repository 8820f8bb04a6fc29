// An experiment that is kept on the session: where it stands, in the place of what was said. The fold is that of
// `WatchedExperiment` in watching.py, without the intervals; a test holds it to that.
"use strict";

const EXPERIMENT = "experiment";  // the actor that writes its events
const KEY_CHARS = 8;
const ANSWERS = ["trial.trace", "trial.result", "trial.given_up"];  // any other kind is of a later version
const SOURCES = ["simulated", "tape", "imported", "live"];  // a mixture is called by the first of its sources
const SHOWN_FAILURES = 3;
const SHOWN_ASKED = 2;

const isOf = (value, kind) => typeof value === kind;

class Watched {
  begun = null;  // the worker that has begun last: what it has planned is the experiment
  workers = new Map();  // by their runs
  results = new Map();  // by their keys; the first that is scored stays, else it is the last
  underWay = new Map();  // by the key of a trial: the worker that began it last
  owners = new Map();  // by the key of a trial: the worker whose claim holds
  turns = new Map();  // the claims that held, by the key of the trial
  ended = new Map();  // by the key of a trial: the last attempt that has ended
  asked = new Map();  // what was asked of it, by the id of the event
  spentUsd = 0;
  changed = false;

  apply(event) {
    const { kind, actor, data, id } = event;
    if (kind === "steer" || kind === "cancel") {
      this.asked.set(id, { who: whoOf(event), words: textOf(data.text || kind), heard: new Set(), unused: "" });
    } else if (kind === "steer.consumed") this.asked.get(data.event)?.heard.add(event.run);
    else if (kind === "signal.unused" && this.asked.has(data.event)) {
      this.asked.get(data.event).unused = textOf(data.why);
    }
    const run = event.run ?? "";
    const isEnd = kind === "run.finished" && this.workers.has(run);  // whoever found that the worker died
    if (actor === EXPERIMENT || isEnd) this.applyOwn(event, this.worker(run));
    this.changed = true;
  }

  worker(run) {
    if (!this.workers.has(run)) {
      const fresh = { about: null, paused: false, halted: null, over: false };
      this.workers.set(run, { ...fresh, keys: new Set(), refused: new Set() });
    }
    return this.workers.get(run);
  }

  applyOwn({ kind, data }, worker) {
    if (kind === "experiment.planned") {
      for (const key of textOf(data.keys).match(/.{1,8}/g) ?? []) worker.keys.add(key);
    } else if (kind === "experiment.started") {
      worker.about = data;
      this.begun = worker;
    } else if (kind === "experiment.tuned") worker.paused = data.paused === true;
    else if (kind === "experiment.halted") worker.halted = data;
    else if (kind === "run.finished") {
      worker.over = true;
      for (const trials of [this.underWay, this.owners]) {
        for (const [trial, maker] of trials) if (maker === worker) trials.delete(trial);
      }
    } else if (!isOf(data.trial, "string")) return;
    else if (kind === "claim.asked") this.claim(data, worker);
    else if (kind.startsWith("trial.") && isOf(data.attempt, "number") && !worker.refused.has(data.trial)) {
      this.applyToTrial(kind, data, worker);
    }
  }

  // Several workers claim trials, and the order of the log decides, as claims.py has it: what a worker says of a trial
  // that it did not get does not count.
  claim({ trial, turn, limit }, worker) {
    const isNext = turn === (this.turns.get(trial) ?? 0);
    if (!isNext || this.owners.has(trial) || this.owners.size >= limit || worker.over) {
      worker.refused.add(trial);
      return;
    }
    worker.refused.delete(trial);
    this.turns.set(trial, turn + 1);
    this.owners.set(trial, worker);
  }

  applyToTrial(kind, { trial, attempt, key, result, usd, pause_s: pause }, worker) {
    const ended = this.ended.get(trial) ?? 0;
    if (kind === "trial.started") {
      if (attempt > ended && !worker.over) this.underWay.set(trial, worker);
      return;
    }
    if (!ANSWERS.includes(kind)) return;
    if (isOf(usd, "number")) this.spentUsd += usd;
    if (kind === "trial.trace" || (kind === "trial.given_up" && isOf(pause, "number"))) return;
    this.ended.set(trial, Math.max(attempt, ended));
    this.underWay.delete(trial);
    if (kind === "trial.result") this.owners.delete(trial);
    if (kind === "trial.result" && isOf(key, "string") && isOf(result?.case, "string")) this.keep(key, trial, result);
  }

  keep(key, trial, result) {
    if (this.results.get(key)?.result.status !== "scored") this.results.set(key, { trial, result });
  }

  // The state now, in figures.
  status() {
    const { about, keys, halted } = this.begun;
    const atWork = [...this.workers.values()].filter(worker => !worker.over);
    const planned = [...this.results].filter(([key]) => !keys.size || keys.has(key.slice(0, KEY_CHARS)));
    const kept = planned.map(([, each]) => each);
    const counts = { passed: 0, failed: 0, unscored: 0, errored: 0, "not run": 0 };
    let neither = 0;
    for (const { result } of kept) {
      counts[wordOf(result)] += 1;
      if (isNeither(result)) neither += 1;
    }
    const n = Math.max(isOf(about.planned, "number") ? about.planned : 0, kept.length);
    const done = kept.filter(({ trial }) => !this.underWay.has(trial)).length;
    const running = this.underWay.size;
    counts["not run"] = Math.max(0, n - done - running);
    const known = counts.passed + counts.failed;
    return {
      counts, planned: n, halted, spentUsd: this.spentUsd, budgetUsd: about.budget_usd, done, running,
      rated: kept.length - neither,
      source: SOURCES.find(source => kept.some(({ result }) => result.source === source)) ?? "",
      rate: known ? counts.passed / (kept.length - neither) : null,
      phase: phaseOf(atWork),
      failures: kept.filter(({ result }) => result.passed !== true).slice(-SHOWN_FAILURES).reverse(),
    };
  }
}

const isNeither = ({ status, passed, scores }) =>
  status === "scored" && !isOf(passed, "boolean") && Array.isArray(scores) && scores.length > 0;

function wordOf({ passed, status }) {
  if (isOf(passed, "boolean")) return passed ? "passed" : "failed";
  return status === "errored" ? "errored" : "unscored";
}

function phaseOf(atWork) {
  if (!atWork.length) return "ended";
  if (atWork.every(worker => worker.halted)) return "stopping";
  return atWork.every(worker => worker.paused) ? "paused" : "running";
}

function whyOf(result) {
  const failed = (Array.isArray(result.scores) ? result.scores : []).filter(score => score?.value === false);
  const reasons = failed.map(({ name, why }) => why ? `${textOf(name)}: ${textOf(why)}` : textOf(name));
  return reasons.join("; ") || textOf(result.why) || "no scorer gave a verdict";
}

// --- On the page.

let watched = new Watched();

const dollars = usd => `$${usd.toFixed(2)}`;

function drawExperiment() {
  if (!watched.changed || !watched.begun) return;
  watched.changed = false;
  document.body.classList.add("experiment");
  const status = watched.status();
  const isOver = status.phase === "ended";
  const { name } = watched.begun.about;
  if (isOf(name, "string")) write($("name"), name);
  const progress = `${status.done} of ${status.planned} trials done`;
  const rest = status.planned - status.done - status.running;
  const source = status.source && `${status.source} · `;
  const ahead = isOver ? "" : ` · ${status.running} running · ${Math.max(0, rest)} waiting`;
  $("experiment").replaceChildren(
    make("p", `${status.phase} · ${source}${progress}${ahead}`, "stands"),
    bar(status), tiles(status), ...notes(status), ...lines(status),
  );
  write($("pause"), status.phase === "paused" ? "Resume" : "Pause");
  $("pause").disabled = isOver || status.phase === "stopping";
}

function bar({ done, running, planned }) {
  const element = make("div", "", "trials");
  for (const [look, n] of [["done", done], ["under-way", running]]) {
    const part = element.appendChild(make("span", "", look));
    part.style.width = `${100 * n / Math.max(1, planned)}%`;
  }
  return element;
}

function tiles({ counts, phase, rate, rated, spentUsd, budgetUsd }) {
  const element = make("div", "", "tiles");
  const add = (figure, words, look) => {
    const tile = element.appendChild(make("div", "", `tile ${look}`));
    tile.append(make("strong", figure), make("span", words));
  };
  for (const [word, n] of Object.entries(counts)) {
    const look = { passed: "ok", failed: "failed", errored: "failed" }[word];
    const isToCome = word === "not run" && phase !== "ended";
    add(String(n), isToCome ? "waiting" : word, n && look ? look : "");
  }
  if (rate !== null) add(rate.toFixed(2), `pass rate of ${rated} trials; no verdict is no pass`, "wide");
  const budget = isOf(budgetUsd, "number") ? `, of ${dollars(budgetUsd)}` : "";
  if (spentUsd || budget) add(dollars(spentUsd), `spent, at most${budget}`, "wide");
  return element;
}

function notes({ halted }) {
  if (!halted) return [];
  const why = textOf(halted.why);
  const mend = halted.mend ? ` To go on, ${textOf(halted.mend)}.` : "";
  return [make("p", `${why.slice(0, 1).toUpperCase()}${why.slice(1)}.${mend}`, "problem")];
}

// What was asked of it, and what did not pass, the last first.
function lines(status) {
  const asked = [...watched.asked.values()].slice(-SHOWN_ASKED).reverse().map(each => {
    const state = each.heard.size ? "heard" : each.unused ? `not used: ${each.unused}` : "not heard yet";
    return make("p", shortened(`${each.who} asked: ${each.words} · ${state}`, NOTE_CHARS), "asked");
  });
  const failures = status.failures.map(({ result }) => {
    const words = `${result.case}, trial ${(Number(result.trial) || 0) + 1} ${wordOf(result)}: ${whyOf(result)}`;
    return make("p", shortened(words, NOTE_CHARS), "failure");
  });
  return failures.length ? [...asked, make("h2", "Did not pass, the last first"), ...failures] : asked;
}

$("pause").onclick = () => post("steer", { text: watched.status().phase === "paused" ? "resume" : "pause" });
