// What a person does.
"use strict";

const POST_MS = 10_000;
const LATE_MS = 2000;
const AGAIN_MS = 1000;
const STOP_AGAIN = "Stop: sending again until the server has it…";

let id = null;  // of the message in the box: sent twice, it is one message
let sending = null;  // what is on its way to the log
let stopping = null;  // the run that is asked to stop, again and again

const isOver = run => fold.runs.has(run) && !fold.active.has(run);

// The run that a steer or a stop is for: the last that began, or the one that is to answer.
function target() {
  const running = [...fold.active].pop();
  if (running !== undefined) return running;
  return awaited && !fold.runs.has(awaited) ? awaited : undefined;
}

function trouble(words) {
  write($("trouble"), words);
}

// Post an order. Its answer where the log has it; false where it is refused; undefined where
// nobody knows.
async function post(order, body) {
  const isStop = order === "cancel";
  const late = setTimeout(() => {
    trouble(isStop ? STOP_AGAIN : "Not stored yet: waiting for the log…");
    unheard = true;
    if (grant) pausing();
  }, LATE_MS);
  try {
    const answer = await fetch(`${base}/${order}`, {
      method: "POST", body: JSON.stringify({ ...body, screen }), headers, signal: AbortSignal.timeout(POST_MS),
    });
    if (answer.status >= 500) throw new Error("the log did not acknowledge");
    const reply = await answer.json().catch(() => ({}));
    trouble(complaint(answer, reply));
    unheard = false;
    if (grant && !waiting.length) showLive();
    return answer.ok && reply;
  } catch {
    trouble(isStop ? STOP_AGAIN : "That did not get through. Try again.");
    unheard &&= isStop;
    return undefined;
  } finally {
    clearTimeout(late);
  }
}

function complaint(answer, reply) {
  if (answer.ok) return "";
  const why = reply.error ?? `status ${answer.status}`;
  return answer.status === 409 ? `Not used: ${why}` : `Refused: ${why}`;
}

// Stop a run: again and again, until the log has it. Asking twice is the same as asking once.
async function stop(run) {
  if (run === undefined || stopping === run) return;
  stopping = run;
  let reply = await post("cancel", { run });
  while (reply === undefined && !isOver(run)) {
    await new Promise(go => setTimeout(go, AGAIN_MS));
    reply = await post("cancel", { run });
  }
  if (isOver(run)) trouble("");
  if (stopping === run) stopping = null;
  unheard = false;
}

async function send(order) {
  const box = $("text");
  const text = box.value.trim();
  const now = `${order} ${text}`;
  if (!text) {
    if (order === "steer") trouble("Write how the answer should go on, then press Steer.");
    box.focus();
    return;
  }
  if (sending === now) return;  // a second press of the same key
  sending = now;
  id ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(36)).join("-");
  const reply = await post(order, order === "say" ? { text, id } : { text, run: loopOf() ?? target() });
  if (sending === now) sending = null;
  if (!reply) return;
  if (box.value.trim() === text) {  // the person has not written on meanwhile
    box.value = "";
    id = null;
  }
  follow = true;
  if (reply.run) awaited = reply.run;
  later();
}

function sendWords(words) {
  $("text").value = words;
  id = null;
  send("say");
}

async function approve(item, answer) {  // one answer at a time: the first that is stored counts
  const keys = item.keys.querySelectorAll("button");
  for (const key of keys) key.disabled = true;
  const reply = await post("approve", { request: item.id, answer, run: item.run });
  if (!reply) for (const key of keys) key.disabled = false;
}

$("form").onsubmit = event => {
  event.preventDefault();
  send("say");
};
$("text").onkeydown = event => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send(building.isBuild ? "steer" : "say");
};
$("text").oninput = () => {
  id = null;
  trouble("");
};
for (const key of document.querySelectorAll("#welcome button")) {
  key.replaceChildren(...unbroken(key.textContent));
  key.onclick = () => sendWords(key.textContent);
}
$("steer").onclick = () => send("steer");
$("stop").onclick = async () => {
  if (!watched.begun) return stop(loopOf() ?? target());
  for (const run of [...fold.active]) await stop(run);  // each of its workers
};
connect();
