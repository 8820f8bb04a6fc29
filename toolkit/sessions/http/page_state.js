// What the parts of the page share.
"use strict";

const $ = id => document.getElementById(id);
const base = location.pathname.replace(/\/$/, "");
const query = new URLSearchParams(location.search);
const token = query.get("token") || "";
const headers = token ? { authorization: `Bearer ${token}` } : {};

// As `render.visible` has it: a terminal's colours, and the signs that turn round what stands beside them.
const TERMINAL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\))/g;
const HIDDEN = /[\x1b\u202a-\u202e\u2066-\u2069]/g;

const codeOf = sign => sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
const signsShown = text => text.replace(HIDDEN, sign => `[U+${codeOf(sign)}]`);
const visible = text => signsShown(text.replace(TERMINAL, ""));

function write(element, text) {
  const words = visible(text);
  if (element.textContent !== words) element.textContent = words;
}

// Where to cut a text that goes on: at `end`, or before the character that stands across it.
const cutAt = (text, end) => text.codePointAt(end - 1) > 0xffff ? end - 1 : end;

function shortened(text, chars) {
  if (text.length <= chars) return text;
  const end = cutAt(text, chars);
  return `${text.slice(0, end)} … ${Array.from(text.slice(end)).length} more characters`;
}

let fold = new Fold();
let actor = "user";  // as whom the server knows the holder of this link
let grant = null;  // "read" or "control" while the line is live
let first;  // the id of the first event of the history that is shown
let unheard = false;  // whether something was sent that the log has not acknowledged for long
let awaited;  // the run that is to answer the last message from here
