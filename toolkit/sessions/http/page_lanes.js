// A build on the page: its lanes, its contract with the checks, its cost. What a person has opened stays open.
"use strict";

const BUILD_PHASES = {
  "not begun": "○ not begun", running: "● running", waiting: "? waits for you", stopping: "◐ stopping",
  ended: "■ ended",
};
const OUTCOME_WORDS = {
  complete: "✓ complete", failed: "✗ failed", budget: "■ budget used up", halted: "✗ halted",
  cancelled: "■ stopped",
};
const GRADE_MARKS = { pass: "✓", fail: "✗", unscored: "–" };
const GRADE_WORDS = { pass: "holds", fail: "does not hold", unscored: "unscored" };
const SHOWN_ROUNDS = 3;  // of a criterion whose evidence is open
const EVIDENCE_CHARS = 20_000;
const BUILD_OVER = "The build has ended: nobody would hear a word.";
const STEERING = "Steer gives the roles a word for their next turn; Stop ends the build.";

let building = new WatchedBuild();

const shortDollars = usd => usd > 0 && usd < 0.01 ? `$${Number(usd.toPrecision(2))}` : dollars(usd);

// The elements of `parent`, one for each key; those that are there stay, with what is open in them.
function keep(parent, keys, makeElement) {
  parent.kept ??= new Map();
  const fresh = new Map(keys.map(key => [key, parent.kept.get(key) ?? makeElement(key)]));
  const isSame = fresh.size === parent.kept.size && keys.every((key, n) => [...parent.kept.keys()][n] === key);
  parent.kept = fresh;
  if (!isSame) parent.replaceChildren(...fresh.values());
  return fresh;
}

// Whether `value` is another one than the last that this element has shown.
function isNews(element, value) {
  const text = JSON.stringify(value, (_, part) => part instanceof Map ? [...part] : part);
  if (element.shown === text) return false;
  element.shown = text;
  return true;
}

function drawBuild() {
  if (!building.changed || !building.isBuild) return;
  building.changed = false;
  document.body.classList.add("build");
  const status = building.status();
  const parts = keep($("build"), ["head", "ask", "lanes", "contracts"], () => make("div", ""));
  if (isNews(parts.get("head"), { ...status, lanes: status.lanes.map(({ costUsd }) => costUsd) })) {
    parts.get("head").replaceChildren(...headOf(status));
  }
  drawQuestion(parts.get("ask"), status);
  drawLanes(parts.get("lanes"), status.lanes);
  drawContracts(parts.get("contracts"), status.sprints);
  drawBuildKeys(status);
}

function headOf(status) {
  const { goal, outcome, phase, source, position, sprints, why, banner, trouble } = status;
  write($("name"), goal.trim().split("\n")[0] || "A build");
  const stands = [outcome ? OUTCOME_WORDS[outcome] : BUILD_PHASES[phase], source, position].filter(Boolean);
  const lines = sprints.flatMap(({ lines }) => [...lines.values()]);
  const share = lines.filter(holds).length / Math.max(1, lines.length);
  const end = outcome && why ? [make("p", `${why[0].toUpperCase()}${why.slice(1)}.`, endLook(outcome))] : [];
  const notes = [banner && make("p", banner, "asked"), trouble && make("p", trouble, "problem")].filter(Boolean);
  return [make("p", stands.join(" · "), "stands"), shares("holds", [["holding", share]]), ...end, ...notes,
    ...costOf(status), ...askedOf(status)];
}

const endLook = outcome => outcome === "failed" || outcome === "halted" ? "problem" : "asked";

function shares(look, parts) {
  const bar = make("div", "", look);
  for (const [kind, share] of parts) {
    bar.appendChild(make("span", "", kind)).style.width = `${100 * Math.min(1, share)}%`;
  }
  return bar;
}

function costOf({ lanes, spentUsd, budgetUsd, tokens, budgetTokens }) {
  const limit = budgetUsd ?? spentUsd;
  const parts = lanes.map(({ costUsd }, n) => [`hue-${n % 6}`, limit ? costUsd / limit : 0]);
  const costs = make("p", "", "costs");
  const budget = budgetUsd === null ? "" : ` of ${shortDollars(budgetUsd)}`;
  const most = budgetTokens === null ? "" : ` of ${budgetTokens.toLocaleString("en")}`;
  const used = `${tokens.toLocaleString("en")} token${tokens === 1 ? "" : "s"}${most}`;
  costs.append(make("span", `${shortDollars(spentUsd)} spent${budget} · ${used}`));
  lanes.forEach(({ role, costUsd }, n) => {
    costs.append(make("span", `${shortened(role, 40)} ${shortDollars(costUsd)}`, `key hue-${n % 6}`));
  });
  return [shares("meter", parts), costs];
}

const askedOf = ({ requests }) =>
  requests.slice(-SHOWN_ASKED).reverse().map(words => make("p", shortened(words, NOTE_CHARS), "asked"));

// --- A question that waits for a yes or a no.

function drawQuestion(element, { phase, question, questionId }) {
  const id = phase === "waiting" ? questionId : "";
  if (!isNews(element, [id, question])) return;
  if (!id) return element.replaceChildren();
  const keys = make("div", "", "keys ask");
  for (const [word, answer] of [["Yes", true], ["No", false]]) {
    const key = keys.appendChild(make("button", word));
    key.type = "button";
    key.onclick = async () => {
      for (const other of keys.children) other.disabled = true;
      const reply = await post("approve", { request: id, answer });
      if (!reply) for (const other of keys.children) other.disabled = false;
    };
  }
  element.replaceChildren(make("p", shortened(question, NOTE_CHARS), "waits"), keys);
}

// --- Lanes.

function drawLanes(parent, lanes) {
  parent.className = "lanes";
  const elements = keep(parent, lanes.map(({ role }) => role), () => make("article", ""));
  lanes.forEach((lane, n) => {
    const element = elements.get(lane.role);
    element.className = `lane hue-${n % 6}${isAtWork(lane) ? " at-work" : ""}`;
    if (isNews(element, lane)) element.replaceChildren(laneHead(lane), turnsOf(lane));
  });
}

function laneHead(lane) {
  const head = make("header", "");
  const state = isAtWork(lane) ? "● at work" : lane.nTurns ? "idle" : "○ not asked yet";
  const turns = `${lane.nTurns} turn${lane.nTurns === 1 ? "" : "s"} · ${shortDollars(lane.costUsd)}`;
  head.append(make("strong", shortened(lane.role, 40)), make("span", state, "state"), make("span", turns, "soft"));
  return head;
}

function turnsOf({ turns }) {
  const element = make("div", "", "turns");
  element.tabIndex = 0;
  for (const turn of turns.toReversed()) element.append(turnElement(turn));
  return element;
}

function turnElement({ step, number, state, files, words }) {
  const element = make("div", "", "turn");
  const now = { active: "at work", suspended: "waits" }[state] ?? RUN_STATES[state];
  const title = [step, number || ""].filter(Boolean).join(" ");
  element.append(make("small", title ? `${title} · ${now}` : now));
  for (const path of files) element.append(make("code", `wrote ${path}`));
  if (words) new Words(element.appendChild(make("div", "", "md"))).grow(words);
  return element;
}

// --- Contracts: a fold for each sprint, and in it one for each criterion, with its evidence.

function drawContracts(parent, sprints) {
  const before = lastOf(parent.kept?.values() ?? []);
  const elements = keep(parent, sprints.map(({ number }) => number), () => make("details", "", "sprint"));
  const last = lastOf(elements.values());
  if (last && last !== before) for (const element of elements.values()) element.open = element === last;
  for (const sprint of sprints) drawSprint(elements.get(sprint.number), sprint);
}

function drawSprint(element, sprint) {
  const lines = [...sprint.lines.values(), ...sprint.earlier.values()];
  const parts = keep(element, ["head", "lines"], key => make(key === "head" ? "summary" : "div", ""));
  const n = [...sprint.lines.values()].filter(holds).length;
  const title = sprint.goal || (sprint.sha256 ? "Contract" : "No contract yet");
  const frozen = sprint.sha256 ? ` · ${n} of ${sprint.lines.size} hold` : "";
  write(parts.get("head"), `${shortened(title, NOTE_CHARS)}${frozen}`);
  const elements = keep(parts.get("lines"), lines.map(({ id }) => id), () => criterionElement());
  for (const line of lines) drawCriterion(elements.get(line.id), line);
}

function criterionElement() {
  const element = make("details", "");
  element.append(make("summary", "", "line"), make("p", "", "why"), make("div", "", "evidence"));
  element.ontoggle = () => drawEvidence(element);
  return element;
}

const lookOf = cell => !cell ? "open" : cell.isVerdict ? cell.grade : `${cell.grade} checked`;

function drawCriterion(element, line) {
  element.line = line;
  if (!isNews(element, line)) return;
  const now = nowOf(line);
  const [summary, why] = element.children;
  element.className = `criterion ${lookOf(now)}`;
  const mark = make("span", now ? GRADE_MARKS[now.grade] : "○", "mark");
  const kinds = [line.kind, ...line.notes].filter(Boolean).map(word => make("span", shortened(word, 40), "badge"));
  summary.replaceChildren(mark, make("span", line.claim || line.id, "claim"), ...kinds, roundsOf(line));
  write(why, now && now.grade !== "pass" ? shortened(now.why, NOTE_CHARS) : "");
  drawEvidence(element);
}

function roundsOf({ cells }) {
  const rounds = make("span", "", "rounds");
  for (const [round, cell] of [...cells].sort(([a], [b]) => a - b)) {
    const element = rounds.appendChild(make("span", `${round} ${GRADE_MARKS[cell.grade]}`, `cell ${lookOf(cell)}`));
    const when = round ? `round ${round}` : "before the build";
    element.title = `${when}: ${GRADE_WORDS[cell.grade]}${cell.isVerdict ? "" : ", by its check"}`;
  }
  return rounds;
}

function drawEvidence(element) {
  const place = element.querySelector(".evidence");
  if (!element.open) return;
  const rounds = [...element.line.cells].sort(([a], [b]) => b - a).slice(0, SHOWN_ROUNDS);
  if (isNews(place, rounds)) place.replaceChildren(...rounds.flatMap(evidenceOf));
}

function evidenceOf([round, { grade, why, isVerdict, evidence }]) {
  const when = round ? `Round ${round}` : "Before the build";
  const by = isVerdict ? "by verdict" : "by its check";
  return [make("h3", `${when}: ${GRADE_WORDS[grade]}, ${by}`), make("p", why), ...evidence.map(exhibitOf)];
}

// A file of evidence, by its hash: a picture, or its text. Nothing in it runs.
function exhibitOf({ name, sha256 }) {
  const figure = make("figure", "");
  figure.append(make("figcaption", `${name} · ${sha256.slice(0, 12)}`));
  showExhibit(figure, name, sha256).catch(() => figure.append(make("p", "It could not be read. Open it again.")));
  return figure;
}

async function showExhibit(figure, name, sha256) {
  const answer = await fetch(`${base}/evidence/${encodeURIComponent(sha256)}`, { headers });
  if (answer.status === 404) {
    figure.append(make("p", "Not in the build's folder any more, or changed since: it is not shown.", "asked"));
  } else if (!answer.ok) throw new Error(`status ${answer.status}`);
  else if (answer.headers.get("content-type") === "image/png") {
    const picture = figure.appendChild(make("img", ""));
    picture.alt = name;
    picture.onload = picture.onerror = () => URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(await answer.blob());
  } else figure.append(make("pre", shortened(indented(await answer.text()), EVIDENCE_CHARS)));
}

// --- What a person can do with a build.

function drawBuildKeys({ phase }) {
  const isOver = phase === "ended";
  $("text").placeholder = "A word to the roles, for the next turn";
  $("steer").disabled = isOver || phase === "stopping" || isAway();
  $("stop").disabled = isOver;
  write($("hint"), isAway() ? AWAY : isOver ? BUILD_OVER : STEERING);
}

// The run that hears what is asked of a build: the loop's own, where it has one.
const loopOf = () => building.loopRun && !building.loopEnded ? building.loopRun : undefined;
