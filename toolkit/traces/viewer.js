"use strict";
// The viewer of many traces: the list, the search, and the page that is read. A trace's page comes
// from the element "page-N": gzip in base64. The address says what is shown: #tN, or #tN-STEP.

const SHOWN_ROWS = 200;
const element = (id) => document.getElementById(id);
const cells = JSON.parse(element("rows-data").textContent); // those of each column, by its name
const rows = (cells.id ?? []).map((_, at) =>
  Object.fromEntries(Object.entries(cells).map(([name, column]) => [name, column[at]])));
const COLUMNS = [
  ["id", "trace"],
  ["outcome", "outcome"],
  ["reward", "reward"],
  ["failed", "errors"],
  ["steps", "steps"],
  ["tokens", "tokens"],
  ["cost_usd", "cost"],
  ["duration_s", "duration"],
  ["started", "started"],
  ["model", "model"],
  ["source", "source"],
  ["file", "file"],
];
const NUMBERS = new Set(["reward", "failed", "steps", "tokens", "cost_usd", "duration_s"]);

let order = rows.map((_, at) => at); // the traces that are listed, in order
let sorted = { key: null, down: false };
let failedFirst = false;
let limit = SHOWN_ROWS;
let words = [];
let shown = rows.length === 1 ? 0 : null; // the trace that is read
let search = 0; // the number of the last search: an older one ends

// --- pages -----------------------------------------------------------------------------------

async function pageOf(at) {
  const packed = JSON.parse(element(`page-${at}`).textContent);
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).text();
}

const texts = new Map();
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&amp;": "&" };

// the words of every step but the system prompt, which all traces share; quicker than a parser, for
// what is only searched: Fieldbook escapes every < and > that is no tag. Lines end as they do on the page
function wordsOf(html) {
  return html
    .replace(/<article class="step system.*?<\/article>/gs, " ")
    .replace(/<\/?(div|p|pre|li|tr|td|th|h\d|summary|details|article)\b[^>]*>/g, "\n")
    .replace(/<\/?(strong|em|code|mark|bdi|a)\b[^>]*>/g, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, (space) => (space.includes("\n") ? "\n" : " "))
    .replace(/&(lt|gt|quot|#x27|amp);/g, (name) => ENTITIES[name]);
}

async function textOf(at) {
  const row = rows[at];
  const html = row.page ? await pageOf(at) : "";
  const begin = html.indexOf('<div class="steps">');
  const head = `${row.id} ${row.title} ${row.outcome} ${row.model} ${row.file} ${wordsOf(html.slice(0, begin))}`;
  const text = `${head} ${wordsOf(html.slice(begin))}`;
  return { text, sought: text.toLowerCase().replace(/\n/g, " "), steps: head.length };
}

async function holds(at, wanted) {
  if (!texts.has(at)) texts.set(at, await textOf(at));
  const { sought } = texts.get(at);
  return wanted.every((word) => sought.includes(word));
}

// the words around the first hit in the steps of a trace
function hit(at) {
  const { text, sought, steps } = texts.get(at);
  const hits = words.map((word) => sought.indexOf(word, steps)).filter((begin) => begin >= 0);
  if (!hits.length) return "";
  const first = Math.min(...hits);
  const begin = text.slice(Math.max(steps, first - 40), first).search(/\s/); // where a word begins
  const from = begin < 0 ? first : Math.max(steps, first - 40) + begin + 1;
  const around = text.slice(from, first + 120);
  const cut = first + 120 < text.length ? around.slice(0, around.search(/\s\S*$/)) : around;
  const whole = cut.length > first - from ? cut : around; // a single word may be as long
  const line = made("span", `… ${whole.trim().replace(/\n/g, " · ")} …`, "hit");
  mark(line);
  return line;
}

// --- the list --------------------------------------------------------------------------------

function made(name, text, look) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (look) node.className = look;
  return node;
}

// as the page of a trace says it
function duration(value) {
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (Math.round(value) < 60) return `${value.toFixed(0)} s`;
  const [minutes, rest] = [Math.floor(Math.round(value) / 60), Math.round(value) % 60];
  if (value < 3600) return `${minutes} min ${rest} s`;
  const inMinutes = Math.round(value / 60);
  return `${Math.floor(inMinutes / 60).toLocaleString("en")} h ${inMinutes % 60} min`;
}

function amount(key, value) {
  if (value === null || value === "") return "";
  if (key === "cost_usd") return "$" + (value < 0.01 && value > 0 ? value.toPrecision(2) : value.toFixed(2));
  if (key === "duration_s") return duration(value);
  return typeof value === "number" ? value.toLocaleString("en") : value;
}

function filled() {
  const told = COLUMNS.filter(([key]) => rows.some((row) => row[key] !== null && row[key] !== ""));
  const same = (key) => key !== "id" && key !== "outcome" && rows.length > 1 && rows.every((row) => row[key] === rows[0][key]);
  return told.filter(([key]) => !same(key));
}

function cell(key, name, row, at) {
  const node = made("td", undefined, NUMBERS.has(key) ? "number" : "");
  node.dataset.name = name;
  if (key === "id") {
    const title = row.page ? made("a") : made("span");
    if (row.page) title.href = `#t${at}`;
    title.append(made("bdi", row.id)); // a right-to-left name leaves its neighbours where they are
    node.append(title, " ", made("bdi", row.title, "title"));
    if (row.why) node.append(made("span", row.why, "why"));
    if (words.length) node.append(hit(at));
    if (!row.page) node.append(" ", made("span", "page left out", "soft"));
  } else if (key === "outcome" && row.outcome) {
    node.append(made("span", row.outcome, `pill ${row.look}`));
  } else if (key === "reward" && row.reward !== null && row.reward <= 0) {
    node.append(made("span", amount(key, row.reward), "pill failed"));
  } else if (key === "failed" && row.failed) {
    node.append(made("span", `${row.failed} failed`, "pill failed"));
  } else if (amount(key, row[key]) !== "") {
    node.append(String(amount(key, row[key])));
  }
  return node;
}

function compare(key) {
  return (one, other) => {
    const [a, b] = [rows[one][key], rows[other][key]];
    const [none, alsoNone] = [a === null || a === "", b === null || b === ""];
    if (none || alsoNone) return none - alsoNone; // what is not stated comes last, either way
    const by = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return sorted.down ? -by : by;
  };
}

function arrange() {
  order.sort((one, other) => one - other);
  if (sorted.key) order.sort(compare(sorted.key));
  const rank = (row) => (row.wrong ? 2 : 0) + (row.failed ? 1 : 0);
  if (failedFirst) order.sort((one, other) => rank(rows[other]) - rank(rows[one]));
}

function drawHead() {
  const line = made("tr");
  for (const [key, name] of filled()) {
    const head = made("th", undefined, NUMBERS.has(key) ? "number" : "");
    const active = sorted.key === key;
    const button = made("button", name + (active ? (sorted.down ? " ▾" : " ▴") : ""));
    button.type = "button";
    if (active) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    button.addEventListener("click", () => {
      // a number is first asked for by its largest
      sorted = { key, down: active ? !sorted.down : NUMBERS.has(key) };
      drawList();
    });
    head.append(button);
    line.append(head);
  }
  element("rows").tHead.replaceChildren(line);
}

// a click anywhere in a row follows its link, but for one that ends a selection of words
function openRow(event) {
  const link = event.target.closest("tr").querySelector("a");
  if (!link || event.target.closest("a") || !getSelection().isCollapsed) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href);
  else link.click();
}

function drawList() {
  arrange();
  drawHead();
  const columns = filled();
  const lines = order.slice(0, limit).map((at) => {
    const line = made("tr");
    line.append(...columns.map(([key, name]) => cell(key, name, rows[at], at)));
    return line;
  });
  element("rows").tBodies[0].replaceChildren(...lines);
  element("more").hidden = order.length <= limit;
  const count = (n) => n.toLocaleString("en");
  element("more").textContent = `Show more: ${count(limit)} of ${count(order.length)} are shown`;
  element("failed-first").setAttribute("aria-pressed", failedFirst);
  const pagesIn = (list) => list.filter((at) => rows[at].page).length;
  const byName = order.length - pagesIn(order); // only the name of a page that is left out is searched
  const found = `${count(pagesIn(order))} of ${count(pagesIn([...rows.keys()]))}`;
  const also = byName ? `, and ${count(byName)} by name alone` : "";
  element("found").textContent = words.length ? found + also : "";
}

// the words of a search, and what stands in quotes as one
function wantedOf(asked) {
  const parts = asked.toLowerCase().match(/"[^"]*"?|[^\s"]+/g) ?? [];
  return parts.map((part) => part.replace(/"/g, "").trim().replace(/\s+/g, " ")).filter(Boolean);
}

async function find() {
  const number = ++search;
  words = wantedOf(element("search").value);
  const found = [];
  if (words.length) element("found").textContent = "searching …";
  for (let at = 0; at < rows.length; at++) {
    if (!words.length || (await holds(at, words))) found.push(at);
    if (number !== search) return;
  }
  order = found;
  limit = SHOWN_ROWS;
  drawList();
}

// --- the page that is read -------------------------------------------------------------------

function mark(root) {
  if (!words.length) return;
  const literal = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\s+"));
  const pattern = new RegExp(`(${literal.join("|")})`, "gi");
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  for (const node of nodes) {
    const parts = node.data.split(pattern);
    if (parts.length === 1) continue;
    for (let fold = node.parentElement.closest("details"); fold; fold = fold.parentElement.closest("details"))
      if (fold.closest(".steps") && !fold.closest(".step.system")) fold.open = true;
    node.replaceWith(...parts.map((part, at) => (at % 2 ? made("mark", part) : part)));
  }
}

function backLine(at) {
  const line = made("div", undefined, "back");
  const link = (text, address) => {
    const node = made("a", text);
    node.href = address;
    line.append(node);
  };
  if (rows.length > 1) link(`← all ${rows.length.toLocaleString("en")} traces`, "#");
  const place = order.indexOf(at);
  const readable = (by) => {
    for (let next = place + by; next >= 0 && next < order.length; next += by)
      if (rows[order[next]].page) return order[next];
    return null;
  };
  for (const [by, name] of [[-1, "previous"], [1, "next"]]) {
    const next = readable(by);
    if (next !== null) link(name, `#t${next}`);
  }
  if (place >= 0 && rows.length > 1) line.append(made("span", `${(place + 1).toLocaleString("en")} of ${order.length.toLocaleString("en")}`, "soft"));
  const keys = made("button", "? keys");
  keys.type = "button";
  keys.addEventListener("click", toKeys);
  line.append(keys);
  return line;
}

function toKeys() {
  const asked = element("keys").classList.toggle("asked");
  element("keys").hidden = rows.length > 1 && shown === null && !asked;
}

async function route() {
  const address = /^#t(\d+)(-\d+)?$/.exec(location.hash);
  const at = address ? Number(address[1]) : null;
  if (rows.length > 1 && at !== shown) {
    if (at !== null && !(rows[at] && rows[at].page)) return;
    shown = at;
    const html = at === null ? "" : await pageOf(at);
    if (shown !== at) return;
    element("trace").innerHTML = html; // made and escaped by Fieldbook; no script in it would run
    element("list").hidden = at !== null;
    element("keys").classList.remove("asked");
    element("keys").hidden = at === null;
    if (at !== null) {
      element("trace").prepend(backLine(at));
      mark(element("trace"));
      nameErrors();
    }
    window.scrollTo(0, 0);
  }
  const step = address && element(location.hash.slice(1));
  if (step) reveal(step);
  here();
}

function reveal(step) {
  for (let fold = step.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  step.scrollIntoView();
}

// the step that was jumped to, while it is in sight; else the one below the strip
function current() {
  const bar = document.querySelector(".bar");
  if (!bar) return null;
  const { left, bottom } = bar.getBoundingClientRect();
  const target = document.querySelector("article.step:target");
  const top = target ? target.getBoundingClientRect().top : -1;
  if (top >= bottom && top < innerHeight) return target;
  const under = document.elementFromPoint(left + 8, bottom + 12);
  return under && under.closest("article.step");
}

let waiting = false;
function here() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const step = current();
    for (const tick of document.querySelectorAll(".tick.here")) tick.classList.remove("here");
    const tick = step && document.querySelector(`.tick[href="#${step.id}"]`);
    if (tick) tick.classList.add("here");
  });
}

function toError(by) {
  const failed = [...document.querySelectorAll("article.step.failed, article.step.mistake")];
  if (!failed.length) return;
  const from = current();
  const side = by > 0 ? Node.DOCUMENT_POSITION_FOLLOWING : Node.DOCUMENT_POSITION_PRECEDING;
  const beyond = failed.filter((step) => from && from.compareDocumentPosition(step) & side);
  const candidates = beyond.length ? beyond : failed; // round the end
  location.hash = (by > 0 ? candidates[0] : candidates.at(-1)).id;
}

function nameErrors() {
  for (const link of document.querySelectorAll(".next-error")) link.textContent = "next error";
}

function follow(name) {
  const link = [...document.querySelectorAll(".back a")].find((each) => each.textContent === name);
  if (link) link.click();
}

// a letter does the same in either case; E is the key of the panels, n the one of old
const KEYS = {
  "?": toKeys,
  e: () => toError(1),
  n: () => toError(1),
  p: () => toError(-1),
  o: () => document.querySelector(".open-all")?.click(),
  j: () => follow("next"),
  k: () => follow("previous"),
  Escape: () => element("keys").classList.contains("asked") ? toKeys() : rows.length > 1 && shown !== null && (location.hash = ""),
  "/": () => {
    if (rows.length === 1) return;
    location.hash = "";
    element("list").hidden = false;
    element("search").focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input[type=search]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!(key in KEYS)) return;
  event.preventDefault();
  KEYS[key]();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".next-error")) return;
  event.preventDefault();
  toError(1);
});
window.addEventListener("hashchange", route);
window.addEventListener("scroll", here, { passive: true });

let typing;
element("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(find, 150);
});
element("failed-first").addEventListener("click", () => {
  failedFirst = !failedFirst;
  drawList();
});
element("rows").tBodies[0].addEventListener("click", openRow);
element("more").addEventListener("click", () => {
  limit += SHOWN_ROWS;
  drawList();
});
element("keys").hidden = rows.length > 1;
if (rows.length === 1) element("trace").prepend(backLine(0));
nameErrors();
drawList();
route();
