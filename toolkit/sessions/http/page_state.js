// What the parts of the page share.
"use strict";

const $ = id => document.getElementById(id);
const base = location.pathname.replace(/\/$/, "");
const query = new URLSearchParams(location.search);
const token = query.get("token") || "";
const headers = token ? { authorization: `Bearer ${token}` } : {};

let fold = new Fold();
let actor = "user";  // as whom the server knows the holder of this link
let grant = null;  // "read" or "control" while the line is live
let first;  // the id of the first event of the history that is shown
let unheard = false;  // whether something was sent that the log has not acknowledged for long
let awaited;  // the run that is to answer the last message from here
