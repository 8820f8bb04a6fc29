// Drawing: once for all events that came since, and nothing is measured for an event.
"use strict";

const log = $("log");
const items = $("items");
const SILENT = new Set(["approval.settled", "model.usage", "signal.unused", "approve"]);
const SECTION = 100;  // items that are laid out together
const SLICE_MS = 30;  // events are taken in for so long before the page draws and hears the person
const NOTE_CHARS = 400;
const RESULT_CHARS = 10_000;
const ARGUMENTS_CHARS = 140;
const OFFERS = 8;
const BEHIND = 1e15;  // more than any number of the log: where what waits stands
const ON_ITS_WAY = "on its way when it was stopped";

let waiting = [];  // messages that have come and are not taken in
let handled = 0;  // how many of them are
let drawing;  // the timer of the next drawing
let follow = true;  // whether the end of the text is kept in sight
let section;  // the last one
let touched = 0;  // when the person last moved the text

document.title = $("name").textContent || visible(decodeURIComponent(base.split("/").pop()));
write($("name"), document.title);

function make(tag, text, kind = "") {
  const element = document.createElement(tag);
  element.className = kind;
  write(element, text);
  return element;
}

const isWords = item => item.kind === "message" || item.kind === "text.delta";
const isShown = item => !item.gone && !item.repeated && !item.covered && !SILENT.has(item.kind);

function describe(item) {
  const { kind, data, text } = item;
  const who = whoOf(item);
  switch (kind) {
    case "run.finished": return `${who}: ${text}${whatStays(fold.runs.get(item.ends))}`;
    case "approval.asked": return `${who} asks: ${textOf(data.question)}`;
    case "steer": return shortened(`${who} steers: “${text}”`, NOTE_CHARS);
    case "interrupt": return shortened(`${who} interrupts: “${text}”`, NOTE_CHARS);
    case "steer.consumed": return `${who} has read a steer`;
    case "interrupt.consumed": return `${who} has broken off to heed an interrupt`;
    case "tool.result": return data.error === true ? "the call failed" : "what came back";
    case "message.rejected": return `${who} will not answer a message: ${textOf(data.why)}`;
    case "error": return `${who}: error: ${textOf(data.why)}`;
    case "cancel": return shortened(`${who} asks to stop ${text}`, NOTE_CHARS);
    default: return shortened(`${who}: ${kind} ${text}`, NOTE_CHARS);
  }
}

function look(item) {
  if (item.kind === "error") return "note error";
  if (item.kind === "tool.call") return "call";
  if (item.kind === "message.offered") return "offered";
  if (!isWords(item)) return "note";
  return item.kind === "message" && item.actor === actor ? "words own" : "words";
}

// --- One item.

function build(item) {
  item.element = make("article", "", look(item));
  if (item.kind === "tool.call") return buildCall(item);
  if (item.kind === "message.offered") return addOffers(item);
  item.label = make("small", "");
  item.body = make(isWords(item) ? "div" : "p", "", isWords(item) ? "text" : "");
  item.isLate = cameAfterStop(item);
  if (item.kind === "text.delta") item.words = new Words(item.body);
  if (isWords(item)) item.element.append(item.label, item.body);
  else item.element.append(item.body, item.label);
  if (item.kind === "tool.result") addResult(item);
  if (item.kind === "approval.asked" && !item.settled) addKeys(item);
}

// A call in one line, which opens on its arguments and its result.
function buildCall(item) {
  const card = item.element.appendChild(make("details", ""));
  const line = card.appendChild(make("summary", ""));
  const given = item.data.arguments;
  line.append(make("span", whoOf(item)), make("code", textOf(item.data.name), "name"));
  item.badge = line.appendChild(make("span", "", "badge"));
  line.append(make("code", shortened(inALine(given), ARGUMENTS_CHARS)));
  card.append(make("pre", shortened(indented(textOf(given)), RESULT_CHARS)));
  item.body = card.appendChild(make("pre", ""));
}

function inALine(given) {
  if (!given || typeof given !== "object") return textOf(given);
  return Object.entries(given).map(([name, value]) => `${name}: ${textOf(value)}`).join(", ");
}

function fillCall({ result, badge, body }) {
  const isFailed = result?.data.error === true;
  const isOver = result && !result.gone;
  badge.className = isOver ? `badge ${isFailed ? "failed" : "ok"}` : "badge";
  write(badge, isOver ? isFailed ? "failed" : "ok" : "no result yet");
  write(body, isOver ? indented(shortened(result.text, RESULT_CHARS)) : "");
}

// Messages to go on with: each is a button that sends it.
function addOffers(item) {
  const messages = Array.isArray(item.data.messages) ? item.data.messages : [];
  for (const words of messages.slice(0, OFFERS)) {
    const key = item.element.appendChild(make("button", ""));
    key.type = "button";
    key.append(...unbroken(shortened(textOf(words), NOTE_CHARS)));
    key.onclick = () => sendWords(textOf(words));
  }
}

function addResult(item) {
  const fold = make("details", "");
  item.body = make("summary", "");
  fold.append(item.body, make("pre", indented(shortened(item.text, RESULT_CHARS))));
  item.element.replaceChildren(fold, item.label);
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function addKeys(item) {
  item.keys = item.element.appendChild(make("div", "", "keys ask"));
  addKey(item, "Yes", true);
  addKey(item, "No", false);
}

function addKey(item, word, answer) {
  const key = item.keys.appendChild(make("button", word));
  key.type = "button";
  key.onclick = () => approve(item, answer);
}

function fill(item) {
  if (item.kind === "message.offered") return;
  if (item.kind === "tool.call") fillCall(item);
  else if (isWords(item)) {
    const source = fold.runs.get(item.run ?? "")?.source ?? "live";
    const about = [whoOf(item, ","), source === "live" ? "" : source, item.isLate ? ON_ITS_WAY : ""];
    write(item.label, about.filter(Boolean).join(" · "));
    if (item.words) item.words.grow(item.text);
    else item.body.replaceChildren(...unbroken(item.text));
    writeMark(item);
  } else {
    write(item.body, describe(item));
    write(item.label, item.remark);
  }
  if (item.settled) item.keys?.remove();
}

// Whether an agent's words begin in the log behind the stop of their run.
function cameAfterStop({ run, seq }) {
  if (!fold.runs.get(run ?? "")?.stops.size) return false;
  return fold.items.some(other => other.kind === "cancel" && other.run === run && other.seq < seq);
}

// --- All that changed.

function draw() {
  const fresh = [];
  markAll();
  for (const item of fold.changed) {
    if (item.gone) continue;
    if (!item.element && isShown(item)) {
      build(item);
      fresh.push(item);
    }
    else if (item.element && item.element.place !== placeOf(item)) fresh.push(item);
    if (item.element && !isShown(item)) putAway(item);
    else if (item.element) fill(item);
  }
  fold.changed.clear();
  if (fold.hasGone) removeGone();
  insert(fresh);
  drawExperiment();
  drawKeys();
  drawBuild();
}

function putAway(item) {
  item.element.remove();
  item.element = item.foot = undefined;
}

function removeGone() {
  for (const item of fold.items) if (item.gone) item.element?.remove();
  fold.items = fold.items.filter(item => !item.gone);
  fold.hasGone = false;
}

const placeOf = item => item.waits ? BEHIND + item.seq : item.at ?? item.seq;

// New items mostly stand at the end, before those that wait. They go into sections, so that those
// out of sight are not laid out one by one.
function insert(fresh) {
  fresh.sort((a, b) => placeOf(a) - placeOf(b) || a.seq - b.seq);
  for (const item of fresh) {
    const { element } = item;
    element.place = placeOf(item);
    const next = nextDrawn(element);
    if (next) next.before(element);
    else append(element);
  }
}

// The article that an article stands before, looked for from the end.
function nextDrawn(element) {
  let next = null;
  let last = section?.lastElementChild;
  while (last && (last === element || last.place > element.place)) {
    if (last !== element) next = last;
    last = last.previousElementSibling ?? last.parentElement.previousElementSibling?.lastElementChild;
  }
  return next;
}

function append(element) {
  if (!section) $("welcome").open = false;  // somebody has spoken: what to do is known
  if (!section || section.childElementCount >= SECTION) {
    section = items.appendChild(make("section", ""));
  }
  section.append(element);
}

// --- Taking in what has come.

function take() {
  drawing = undefined;
  const until = performance.now() + SLICE_MS;
  while (handled < waiting.length && performance.now() < until) {
    const [name, data] = waiting[handled];
    handled += 1;
    takeIn(name, data);
  }
  const isAll = handled === waiting.length;
  if (isAll) {
    waiting = [];
    handled = 0;
  }
  draw();
  if (!isAll) return later();
  if (!grant) return;  // what is stored has not all come
  showLive();
  toEnd();
}

function takeIn(name, data) {
  if (name === "live") welcome(data);
  else if (name === "reset") beginAnew();
  else if (name === "event") {
    building.apply(data);
    if (data.seq > fold.cursor) watched.apply(data);
    if (data.kind.startsWith("trial.")) fold.cursor = Math.max(fold.cursor, data.seq);
    else fold.apply(data);
    if (first === null && data.kind !== "text.snapshot") first = data.id;
  }
}

function later() {  // a timer, as no frame is drawn for a page in the background
  drawing ??= setTimeout(take, grant ? 16 : 100);
}

function beginAnew() {
  fold = new Fold();
  watched = new Watched();
  building = new WatchedBuild();
  document.body.classList.remove("experiment", "build");
  first = undefined;
  grant = null;
  awaited = undefined;
  follow = true;
  section = undefined;
  const words = "This session began anew. What is there now is shown.";
  items.replaceChildren(make("article", words, "note anew"));
}

function welcome(about) {
  grant = about.grant;
  first = about.first;
  silence = 2500 * about.beat_s;
  if (about.actor !== actor) {
    actor = about.actor;
    for (const item of fold.items) if (item.element) item.element.className = look(item);
  }
  write($("who"), actor === "user" ? "" : actor);
  document.body.classList.toggle("controls", grant === "control");
}

// --- Keeping the end in sight, unless the person looks at something else.

function toEnd() {
  if (!follow || !items.childElementCount || building.isBuild) return;
  log.scrollTop = log.scrollHeight;
  // Items that come into sight get their true height only now.
  requestAnimationFrame(() => { if (follow) log.scrollTop = log.scrollHeight; });
}

for (const gesture of ["wheel", "touchmove", "pointerdown", "keydown"]) {
  log.addEventListener(gesture, () => { touched = Date.now(); }, { passive: true });
}
log.addEventListener("scroll", () => {
  const isLow = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  if (isLow) follow = true;
  else if (Date.now() - touched < 1000) follow = false;
}, { passive: true });
