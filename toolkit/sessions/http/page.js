// The page: what the fold amounts to, the line to the server, and what a person does.
"use strict";

const $ = id => document.getElementById(id);
const log = $("log"), base = location.pathname.replace(/\/$/, "");
const query = new URLSearchParams(location.search), token = query.get("token") || "";
const headers = token ? { authorization: `Bearer ${token}` } : {};
const device = matchMedia("(pointer: coarse)").matches ? "phone" : "laptop";
const me = query.get("name") || `${device} ${Math.random().toString(36).slice(2, 6)}`;  // in `joined` and `left`
const SILENT = new Set(["approval.settled", "model.usage", "signal.unused", "approve"]);
const SECTION = 100;  // items that are laid out together
const SLICE_MS = 30;  // events are taken in for so long before the page draws and hears the person

let fold = new Fold(), actor = "user", first, grant;
let source, heard = Date.now(), silence = 6000, unheard = false, tries = 0, noSocket = 0, retry, attempt = 0, over = false;
$("name").textContent = document.title = decodeURIComponent(base.split("/").pop());

// --- Drawing: once for all events that came since, and nothing is measured for an event.

let waiting = [], drawing, follow = true, handled = 0, section, lastDrawn = 0;

function make(tag, text, kind = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className: kind });
}

function describe(item) {
  const { kind, data, text } = item, who = item.actor;
  if (kind === "message" || kind === "text.delta") return text;
  if (kind === "run.finished") return `${who}: ${text}`;
  if (kind === "approval.asked") return `${who} asks: ${textOf(data.question)}`;
  if (kind === "steer.consumed") return `${who} has taken the steer into account`;
  if (kind === "interrupt.consumed") return `${who} has broken off to heed the interrupt`;
  if (kind === "tool.call") return `${who} calls ${textOf(data.name)}`;
  if (kind === "message.rejected") return `${who} will not answer a message: ${textOf(data.why)}`;
  if (kind === "error") return `${who}: error: ${textOf(data.why)}`;
  return `${who}: ${kind === "cancel" ? "stop" : kind} ${text}`.slice(0, 400);
}

const isWords = item => item.kind === "message" || item.kind === "text.delta";
const isShown = item => !item.gone && !item.repeated && !SILENT.has(item.kind);

function look(item) {
  if (!isWords(item)) return item.kind === "error" ? "note error" : "note";
  return item.kind === "message" && item.actor === actor ? "words own" : "words";
}

function build(item) {
  item.element = make("article", "", look(item));
  item.label = make("small", "");
  const words = make("p", "");
  item.words = words.appendChild(document.createTextNode(""));
  item.element.append(...(isWords(item) ? [item.label, words] : [words, item.label]));
  item.drawn = 0;
  if (item.kind === "approval.asked" && !item.settled) buttons(item);
}

function buttons(item) {
  item.keys = item.element.appendChild(make("div", "", "keys ask"));
  for (const [word, answer] of [["Yes", true], ["No", false]]) {
    const key = item.keys.appendChild(make("button", word));
    key.type = "button";
    key.onclick = () => post("approve", { request: item.id, answer, run: item.run });
  }
}

function fill(item) {
  if (isWords(item)) {
    const origin = fold.runs.get(item.run ?? "")?.source ?? "live";
    const label = item.actor + (origin === "live" ? "" : ` · ${origin}`);
    if (item.label.textContent !== label) item.label.textContent = label;
    if (item.text.length > item.drawn) item.words.appendData(item.text.slice(item.drawn));
    item.drawn = item.text.length;
  } else {
    item.words.data = describe(item);
    item.label.textContent = item.remark;
  }
  if (item.settled) item.keys?.remove();
}

function draw() {
  const fresh = [];
  for (const item of fold.changed) {
    if (item.gone) continue;
    if (!item.element && isShown(item)) {
      build(item);
      fresh.push(item);
    }
    if (item.element) fill(item);
  }
  fold.changed.clear();
  if (fold.hasGone) {
    for (const item of fold.items) if (item.gone) item.element?.remove();
    fold.items = fold.items.filter(item => !item.gone);
    fold.hasGone = false;
  }
  insert(fresh);
  $("stop").disabled = $("steer").disabled = !target();
}

// New items mostly stand at the end. They go into sections, so that those out of sight are not laid out one by one.
function insert(fresh) {
  fresh.sort((one, other) => one.seq - other.seq);
  const at = fresh.findIndex(item => item.seq > lastDrawn), end = at < 0 ? [] : fresh.slice(at);
  for (const item of end) append(item);
  // The others: the last first, so that what an item stands before is there already.
  for (const item of fresh.slice(0, fresh.length - end.length).reverse()) {
    let next = fold.indexAfter(item.seq);
    while (next < fold.items.length && !fold.items[next].element) next += 1;
    if (next < fold.items.length) fold.items[next].element.before(item.element);
    else append(item);
  }
}

function append(item) {
  if (!section || section.childElementCount >= SECTION) section = log.appendChild(make("section", ""));
  section.append(item.element);
  lastDrawn = Math.max(lastDrawn, item.seq);
}

function take() {
  drawing = undefined;
  const until = performance.now() + SLICE_MS;
  while (handled < waiting.length && performance.now() < until) {
    const [name, data] = waiting[handled++];
    if (name === "event") fold.apply(data);
    else if (name === "live") welcome(data);
    else if (name === "reset") beginAnew();
    if (first === null && name === "event" && data.kind !== "text.snapshot") first = data.id;
  }
  const all = handled === waiting.length;
  if (all) [waiting, handled] = [[], 0];
  draw();
  if (!all) return later();
  if (!grant) return;  // what is stored has not all come
  live();
  toEnd();
}

function later() {  // a timer, as no frame is drawn for a page in the background
  drawing ??= setTimeout(take, grant ? 16 : 100);
}

function toEnd() {
  if (!follow) return;
  log.scrollTop = log.scrollHeight;
  // Items that come into sight get their true height only now.
  requestAnimationFrame(() => { if (follow) log.scrollTop = log.scrollHeight; });
}

let touched = 0;  // when the person last moved the text
for (const what of ["wheel", "touchmove", "pointerdown", "keydown"])
  log.addEventListener(what, () => { touched = Date.now(); }, { passive: true });
log.addEventListener("scroll", () => {
  const low = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  if (low) follow = true;
  else if (Date.now() - touched < 1000) follow = false;
}, { passive: true });

function beginAnew() {
  [fold, first, grant, follow, section, lastDrawn] = [new Fold(), undefined, null, true, undefined, 0];
  log.replaceChildren(make("article", "This session began anew. What is there now is shown.", "note anew"));
}

function welcome(about) {
  [grant, silence, first] = [about.grant, 2500 * about.beat_s, about.first];
  if (about.actor !== actor) {
    actor = about.actor;
    for (const item of fold.items) if (item.element) item.element.className = look(item);
  }
  $("who").textContent = actor === "user" ? "" : actor;
  document.body.classList.toggle("controls", grant === "control");
}

// --- The line: a WebSocket, of which a browser opens any number; server-sent events where something between blocks it.

function line(state, words) {
  if ($("line").textContent !== words) [$("line").className, $("line").textContent] = [state, words];
}
const pausing = () => line("", "waiting for the log");
const live = () => grant && !unheard ? line("live", grant === "control" ? "live" : "live, watching only") : pausing();

async function connect() {
  const mine = ++attempt;
  hangUp();
  if (!tries) line("", "connecting");
  if (!navigator.onLine && !await answered()) return mine === attempt && lost();
  if (mine !== attempt) return;
  while (handled < waiting.length) take();  // the cursor is that of what has come
  const where = new URLSearchParams({ after: fold.cursor, first: first ?? "", token, name: me });
  if (noSocket < 2) bySocket(where, mine);
  else byEvents(where, mine);
}

function hangUp() {
  clearTimeout(retry);
  if (source) source.onclose = source.onerror = source.onmessage = null;
  source?.close();
  [source, grant, heard] = [null, null, Date.now()];
}

function bySocket(where, mine) {
  let opened = false;
  const scheme = location.protocol.endsWith("s:") ? "wss:" : "ws:";
  source = new WebSocket(`${scheme}//${location.host}${base}/ws?${where}`);
  source.onopen = () => {
    [opened, noSocket, heard] = [true, 0, Date.now()];
    pausing();
  };
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    for (const name of ["event", "live", "beat", "reset", "failed"]) if (name in message) hear(name, message[name]);
  };
  source.onclose = async ({ code }) => {
    if (code === 4401) return refused("this link is no longer good");
    const status = opened ? 0 : await answered();
    if (mine !== attempt) return;
    if (status === 401 || status === 403) return refused("this link is not good for this session");
    if (status && status < 500) noSocket += 1;
    lost();
  };
}

function byEvents(where, mine) {
  source = new EventSource(`${base}/events?${where}`);
  source.onopen = () => { heard = Date.now(); pausing(); };
  source.onmessage = ({ data }) => hear("event", JSON.parse(data));
  for (const name of ["live", "beat", "reset", "failed"])
    source.addEventListener(name, ({ data }) => hear(name, JSON.parse(data)));
  source.onerror = async () => {
    source.close();
    const status = await answered();
    if (mine !== attempt) return;
    if (status === 401 || status === 403) return refused("this link is no longer good");
    lost();
  };
}

function hear(name, data) {
  [heard, tries] = [Date.now(), 0];
  if (name === "failed") $("trouble").textContent = `The server could not go on: ${data.why}`;
  else if (name === "beat") data.log ? pausing() : !waiting.length && live();
  else {
    if (name === "event") unheard = false;
    waiting.push([name, data]);
    later();
  }
}

function lost() {
  hangUp();
  line("away", "offline, trying again");
  retry = setTimeout(connect, Math.min(5000, 250 * 2 ** tries++) * (0.5 + Math.random() / 2));
}

function refused(words) {
  attempt += 1;
  over = true;
  hangUp();
  line("away", words);
  document.body.classList.remove("controls");
}

async function answered() {  // the status that the server answers with, 0 where it does not
  try {
    const address = `${base}/events?${new URLSearchParams({ token })}`;
    return (await fetch(address, { method: "HEAD", headers, signal: AbortSignal.timeout(2000) })).status;
  } catch {
    return 0;
  }
}

function watch() {
  if (!over && source && Date.now() - heard > silence) lost();
}
setInterval(watch, 500);
document.addEventListener("visibilitychange", watch);
// A browser may call itself offline while a server on the same machine answers: it is asked.
addEventListener("offline", async () => { if (!over && !await answered()) lost(); });
addEventListener("online", () => { if (!over && !grant) connect(); });

// --- What a person does.

let id, stopping, awaited;
const isOver = run => run !== undefined && !fold.active.has(run) && fold.runs.has(run);
function target() {  // the run that a steer or a stop is for: the last that began, or the one that is to answer
  const running = [...fold.active].pop();
  if (running !== undefined) return running;
  return awaited && !fold.runs.has(awaited) ? awaited : undefined;
}

async function post(what, body) {  // its answer: the log has it; false: refused; undefined: it may have it, or not
  const trouble = words => { $("trouble").textContent = words && what === "cancel" ? "stop: sending again…" : words; };
  const late = setTimeout(() => {
    trouble(`${what}: waiting for the log…`);
    unheard = true;
    if (grant) pausing();
  }, 2000);
  try {
    const options = { method: "POST", body: JSON.stringify(body), headers, signal: AbortSignal.timeout(10000) };
    const answer = await fetch(`${base}/${what}`, options);
    if (answer.status >= 500) throw new Error("the log did not acknowledge");
    const told = await answer.json().catch(() => ({}));
    const why = told.error ?? `status ${answer.status}`;
    $("trouble").textContent = answer.ok ? "" : answer.status === 409 ? `Not used: ${why}` : `Refused: ${why}`;
    unheard = false;
    if (grant && !waiting.length) live();
    return answer.ok && told;
  } catch {
    trouble("That did not get through. Try again.");
  } finally {
    clearTimeout(late);
    unheard &&= what === "cancel";
  }
}

async function stop(run) {  // again and again, until the log has it: asking twice is the same as asking once
  if (run === undefined || stopping === run) return;
  stopping = run;
  while (await post("cancel", { run }) === undefined && !isOver(run)) await new Promise(go => setTimeout(go, 1000));
  if (isOver(run)) $("trouble").textContent = "";
  [stopping, unheard] = [null, false];
}

async function send(what) {  // a message keeps its id until it is through: sent twice, it is one message
  const text = $("text").value.trim();
  if (!text) return;
  id ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(36)).join("-");
  const told = await post(what, what === "say" ? { text, id } : { text, run: target() });
  if (!told) return;
  $("text").value = "";
  id = null;
  follow = true;
  if (told.run) awaited = told.run;
  later();
}

const say = $("form").onsubmit = event => { event.preventDefault(); send("say"); };
$("text").onkeydown = event => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) say(event); };
$("text").oninput = () => { id = null; };
$("steer").onclick = () => send("steer");
$("stop").onclick = () => stop(target());
connect();
