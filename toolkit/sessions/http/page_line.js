// The line to the server: a WebSocket, of which a browser opens any number; server-sent events
// where something between blocks it.
"use strict";

const FRAMES = ["live", "beat", "reset", "failed"];
const RETRY_MS = 250;
const RETRY_MOST_MS = 5000;
const ANSWER_MS = 2000;
const REVOKED = 4401;  // the code that the server closes a socket with
const NAME_CHARS = 64;

const device = matchMedia("(pointer: coarse)").matches ? "phone" : "laptop";
const asked = (query.get("name") || "").slice(0, NAME_CHARS).replace(/(?! )[\p{C}\p{Z}]/gu, "");
const screen = asked || device;  // in what is sent from here
// in `joined` and `left`
const me = asked || `${device} ${Math.random().toString(36).slice(2, 6)}`;

let source = null;  // what brings the events
let attempt = 0;  // whatever belongs to an earlier attempt to connect is not heeded
let tries = 0;  // attempts in a row that brought nothing
let retry;  // the timer of the next attempt
let heard = Date.now();
let silence = 6000;  // a line is dead that brings nothing for so many milliseconds
let noSocket = 0;  // how often a socket did not open, though the server answers
let over = false;  // whether this link is no good any more

function line(state, words) {
  if ($("line").textContent === words) return;
  $("line").className = state;
  $("line").textContent = words;
}

function pausing() {
  line("", "waiting for the log");
}

function showLive() {
  if (!source) return;
  if (!grant || unheard) pausing();
  else line("live", grant === "control" ? "live" : "live, watching only");
}

async function connect() {
  hangUp();
  attempt += 1;
  const mine = attempt;
  if (!tries) line("", "connecting");
  if (!navigator.onLine && !await answered()) {
    if (mine === attempt) lost();
    return;
  }
  if (mine !== attempt) return;
  const where = new URLSearchParams({ after: fold.cursor, first: first ?? "", token, name: me });
  if (noSocket < 2) bySocket(where, mine);
  else byEvents(where, mine);
}

function hangUp() {
  clearTimeout(retry);
  if (source) {
    source.onopen = source.onclose = source.onerror = source.onmessage = null;
    source.close();
  }
  source = null;
  while (handled < waiting.length) take();  // the cursor is that of what has come
  grant = null;  // also where a `live` was among it
  heard = Date.now();
}

function bySocket(where, mine) {
  let opened = false;
  const scheme = location.protocol.endsWith("s:") ? "wss:" : "ws:";
  source = new WebSocket(`${scheme}//${location.host}${base}/ws?${where}`);
  source.onopen = () => {
    opened = true;
    noSocket = 0;
    heard = Date.now();
    pausing();
  };
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    for (const name of ["event", ...FRAMES]) if (name in message) hear(name, message[name]);
  };
  source.onclose = async ({ code }) => {
    if (code === REVOKED) return refused("this link is no longer good");
    const status = opened ? 0 : await answered();
    if (mine !== attempt) return;
    if (status === 401 || status === 403) {
      return refused("this link is not good for this session");
    }
    if (status && status < 500) noSocket += 1;
    lost();
  };
}

function byEvents(where, mine) {
  source = new EventSource(`${base}/events?${where}`);
  source.onopen = () => {
    heard = Date.now();
    pausing();
  };
  source.onmessage = ({ data }) => hear("event", JSON.parse(data));
  for (const name of FRAMES) {
    source.addEventListener(name, ({ data }) => {
      if (mine === attempt) hear(name, JSON.parse(data));
    });
  }
  source.onerror = async () => {
    source?.close();
    const status = await answered();
    if (mine !== attempt) return;
    if (status === 401 || status === 403) return refused("this link is no longer good");
    lost();
  };
}

function hear(name, data) {
  heard = Date.now();
  if (name === "failed") {
    trouble(`The server could not go on: ${textOf(data.why)}`);
    tries = 5;  // it may fail at once again, and writes each failure to the log
  } else if (name === "beat") {
    tries = 0;
    if (data.log) pausing();
    else if (!waiting.length) showLive();
  } else {
    if (name !== "reset") tries = 0;
    if (name === "event") unheard = false;
    waiting.push([name, data]);
    later();
  }
}

function lost() {
  if (over) return;
  attempt += 1;
  hangUp();
  line("away", "away");
  const pause_ms = Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** tries);
  tries += 1;
  retry = setTimeout(connect, pause_ms * (0.5 + Math.random() / 2));
  drawKeys();
}

const isAway = () => !grant && tries > 0;

function refused(words) {
  over = true;
  attempt += 1;
  hangUp();
  line("away", words);
  document.body.classList.remove("controls");
}

async function answered() {  // the status that the server answers with, 0 where it does not
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    return (await fetch(`${base}/events`, { method: "HEAD", headers, signal })).status;
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
addEventListener("offline", async () => {
  const mine = attempt;
  if (!await answered() && mine === attempt) lost();
});
addEventListener("online", () => {
  if (!over && !grant) connect();
});
