// One key for each button of a panel. It says what was pressed, on which page and with which words; the kernel decides.
// The root is the panel's own element. Lumino (JupyterLab) asks the focused element first whether shortcuts are off.

const SCROLL = { ArrowDown: 60, ArrowUp: -60, PageDown: 400, PageUp: -400, " ": 400 };
const ROWS = { ArrowDown: 1, ArrowUp: -1 };
const ARROWS = { ArrowLeft: "←", ArrowRight: "→" };
const TYPING = "input, textarea, select, [contenteditable]";

// The rows of a table: a click opens a trace.
function rows(root) {
  let last = null;

  function click(row, shiftKey) {
    last = row;
    row.scrollIntoView({ block: "nearest" });
    row.querySelector("td").dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey }));
  }

  function move(by, extend) {
    const table = root.querySelector(".fieldbook-table");
    const list = () => [...table.querySelectorAll("tbody tr:has(td:not(.dt-empty))")];
    const at = list().indexOf(last?.isConnected ? last : table.querySelector("tr.selected"));
    const next = list()[at < 0 ? 0 : at + by];
    if (next) return click(next, extend);
    const turn = table.querySelector(`.dt-paging-button.${by > 0 ? "next" : "previous"}:not(.disabled)`);
    if (!turn) return;
    turn.click();
    click(list().at(by > 0 ? 0 : -1), false);
  }

  // A click on the one row that is selected would take it out of the selection, while its trace stays open.
  function keepOpen(event) {
    const row = event.target.closest?.(".fieldbook-table tbody tr.selected");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (root.querySelectorAll(".fieldbook-table tbody tr.selected").length === 1) event.stopPropagation();
  }

  // Until the kernel has searched, the rows are those of the search before: a click on one would be lost.
  const wait = (isSearching) => root.querySelector(".fieldbook-table")?.toggleAttribute("inert", isSearching);

  return { move, keepOpen, wait, has: () => root.querySelector(".fieldbook-table:not([inert]) tbody tr") };
}

// Where a page may not write to the clipboard, its person copies what is selected.
function copyText(button) {
  const done = () => (button.textContent = "Copied");
  const select = () => getSelection().selectAllChildren(button.previousElementSibling);
  if (navigator.clipboard) navigator.clipboard.writeText(button.dataset.text).then(done, select);
  else select();
}

// The list of the keys, which ? shows.
function helpList(words) {
  const make = (name, text = "", ...children) => {
    const element = Object.assign(document.createElement(name), { textContent: text });
    element.append(...children);
    return element;
  };
  const rows = Object.entries(words).flatMap(([cap, what]) => [make("dt", "", make("kbd", cap)), make("dd", what)]);
  const list = make("dialog", "", make("h1", "Keys"), make("dl", "", ...rows));
  list.className = "fieldbook-help";
  list.tabIndex = -1;
  return { element: list, turn: () => (list.open ? list.close() : list.showModal()) };
}

function listen(root, model, help, signal) {
  const read = reading(root);
  const table = rows(root);
  const mine = (element) => element.closest(".fieldbook-keys") === root; // and not a panel's beneath this one
  const page = () => root.querySelector(".fieldbook-page");
  const box = () => page()?.querySelector(".fieldbook-box textarea");
  const words = () => page()?.querySelector(".fieldbook-box :is(textarea, input)")?.value ?? "";
  const buttonOf = (act) => page()?.querySelector(`.fieldbook-${act}`) ?? root.querySelector(`button.fieldbook-${act}`);
  const actOf = (button) => Object.keys(model.get("caps")).find((act) => button.classList.contains(`fieldbook-${act}`));
  const numberOf = (shown) => Number(/fieldbook-page-(\d+)/.exec(shown?.className)?.[1] ?? -1);
  const quiet = (element) => element.setAttribute("data-lm-suppress-shortcuts", "true");
  const back = () => root.focus({ preventScroll: true });
  let chosen = null; // the verdict that waits for its reason, and the page that it was chosen on
  let typing = null; // the field that sent its words, and has the focus again once the kernel has answered
  let sent = null; // the page whose verdict is under way: until the kernel answers, keys do nothing

  function send(act, why = words()) {
    back(); // first, so that the box's own message is ahead of this one
    if (act === chosen?.act) sent = page();
    model.send({ act, page: numberOf(page()), why });
  }

  function sendFrom(field, act, why) {
    typing = `.${[...field.classList].find((name) => name.startsWith("fieldbook-enter-"))}`;
    send(act, why);
    sent = page(); // what is typed before the box is there again must not act as keys
  }

  function choose(act, button) {
    chosen = { act, page: page() };
    page().querySelectorAll("button").forEach((other) => other.classList.remove("fieldbook-pressed"));
    button.classList.add("fieldbook-pressed");
    const why = box().closest(".fieldbook-box");
    why.classList.add("fieldbook-now");
    why.querySelector("label").textContent = `${button.textContent.replace(/ \(.*/, "")}: now write why, Enter saves`;
    write();
  }

  function write() {
    const reason = box();
    reason.focus(); // always, even where there is a reason: words that are typed next must never act as keys
    reason.setSelectionRange(reason.value.length, reason.value.length);
    reason.onbeforeinput = ({ data }) => {
      reason.onbeforeinput = null;
      if (data?.trim() && /\S$/.test(reason.value)) reason.setRangeText(" ", reason.selectionStart, reason.selectionEnd, "end");
    }; // what is typed after earlier words is a word of its own
  }

  function point() {
    read.acts.step();
    if (chosen?.page === page()) write();
  }

  function jump(act) {
    const field = root.querySelector(`.fieldbook-${act} :is(input, textarea)`);
    field?.focus();
    field?.select();
  }

  function inBox(event) {
    if (event.key === "Escape") return back;
    if (event.key !== "Enter" || event.shiftKey) return null;
    const field = event.target.closest("[class*=fieldbook-enter-]");
    if (field) {
      const act = /fieldbook-enter-(\S+)/.exec(field.className)[1]; // Enter in it is this act
      return () => sendFrom(field, event.ctrlKey || event.metaKey ? `${act}-on` : act, event.target.value);
    }
    if (event.target.matches("textarea") && !event.target.closest(".fieldbook-box")) return event.ctrlKey || event.metaKey ? back : null;
    if (event.target !== box()) return back; // a field such as the jump takes its words when it is left
    if (chosen?.page === page()) return () => send(chosen.act);
    return event.ctrlKey || event.metaKey ? back : null;
  }

  function onPanel(event) {
    const cap = ARROWS[event.key] ?? event.key.toUpperCase();
    const act = Object.entries(model.get("caps")).find((pair) => pair[1] === cap)?.[0];
    if (act && sent && sent === page()) return () => {};
    if (event.key === "?") return event.repeat ? () => {} : help.turn;
    if (act === "jump" || act === "search" || act === "write") return () => jump(act);
    if (act === "step") return event.repeat ? () => {} : point;
    if (act in read.acts) return event.repeat && act !== "error" ? () => {} : read.acts[act];
    if (act) {
      const button = buttonOf(act);
      const steps = act === "previous" || act === "next"; // a key that is held down steps on, and does nothing else again
      if (button?.disabled || (event.repeat && !steps)) return () => {};
      if (button?.matches(".fieldbook-tag")) return () => button.click();
      if (button && !event.repeat && root.querySelector(".fieldbook-table")) return () => button.click();
      const wantsWords = button && box() && page().contains(button) && act !== "undo";
      return () => (wantsWords ? choose(act, button) : send(act));
    }
    if (event.target.matches("button, summary, [type=checkbox]") && event.key === " ") return null;
    if (event.key in ROWS && table.has()) return () => table.move(ROWS[event.key], event.shiftKey);
    const frame = read.frame();
    return event.key in SCROLL && frame ? () => frame.scrollBy({ top: SCROLL[event.key] }) : null;
  }

  function pressed(event) {
    if (!mine(event.target)) return;
    if (help.element.open) {
      event.stopPropagation();
      if (event.key !== "?" && event.key !== "Escape") return;
      event.preventDefault();
      return help.turn();
    }
    const isTyping = event.target.matches(TYPING);
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (event.isComposing || event.key === "Tab" || (modified && !(isTyping && event.key === "Enter"))) return;
    const act = isTyping ? inBox(event) : onPanel(event);
    if (!isTyping || act) event.stopPropagation();
    if (act) {
      event.preventDefault();
      act();
    }
  }

  function clicked(event) {
    if (!mine(event.target)) return;
    const link = event.target.closest(".fieldbook a[href^='#']");
    const act = Object.keys(read.acts).find((name) => event.target.closest(`button.fieldbook-${name}`));
    if (link) {
      event.preventDefault(); // a notebook's address is not the trace's
      read.follow(link);
    }
    if (act) read.acts[act]();
    if (event.target.closest("button.fieldbook-failures")) table.wait(true);
    const verdict = event.target.closest(".fieldbook-verdicts button");
    if (verdict && box() && !words().trim()) return choose(actOf(verdict), verdict); // the kernel asks for the reason
    const press = event.target.closest(".fieldbook-page button, .fieldbook-page-button");
    const tag = event.target.closest(".fieldbook-tag");
    const copy = event.target.closest(".fieldbook-copy");
    if (copy) copyText(copy);
    if (box() && (event.target.closest(".fieldbook-chips button") || ((link || act || tag) && chosen?.page === page()))) write();
    else if (press || link || act) back();
  }

  const changed = ({ target }) => mine(target) && target.closest(".fieldbook-search") && table.wait(true);

  function answered({ page: shown, seek, searched }) {
    if (searched) table.wait(false);
    if (shown === numberOf(sent) || typing) sent = null;
    const field = typing;
    typing = null;
    if (field) requestAnimationFrame(() => requestAnimationFrame(() => root.querySelector(`${field} input`)?.focus()));
    if (seek) requestAnimationFrame(() => requestAnimationFrame(() => read.seek(seek))); // once it is drawn
  }

  model.on("msg:custom", answered);
  signal.addEventListener("abort", () => model.off("msg:custom", answered));
  root.tabIndex = 0;
  quiet(root);
  root.addEventListener("focusin", (event) => quiet(event.target), { signal });
  // in the capturing phase: a text field of ipywidgets stops its keydown before it bubbles up
  root.addEventListener("keydown", pressed, { signal, capture: true });
  // a page takes its focused button with it when it goes, and the keys would go to nobody
  root.addEventListener("click", clicked, { signal });
  root.addEventListener("click", table.keepOpen, { signal, capture: true });
  root.addEventListener("change", changed, { signal, capture: true });
  root.addEventListener("scroll", () => requestAnimationFrame(read.show), { signal, capture: true });
  const drawn = new MutationObserver(read.begin);
  drawn.observe(root, { childList: true, subtree: true });
  signal.addEventListener("abort", () => drawn.disconnect());
  read.begin();
  return quoteButton(read, point, signal);
}

// A panel that is looked for is scrolled to. One that takes the window's height, and came up half in sight, is moved into it.
function arrive(root, sought) {
  if (sought) root.focus({ preventScroll: true });
  if (sought) return root.scrollIntoView({ block: "start" });
  if (!root.matches(".fieldbook-window")) return;
  const seen = new IntersectionObserver(([entry]) => {
    seen.disconnect();
    if (entry.isIntersecting) root.scrollIntoView({ block: "nearest" });
  });
  seen.observe(root);
}

function render({ model, el }) {
  const stop = new AbortController();
  let frame = 0;
  const help = helpList(model.get("help"));
  const ask = Object.assign(document.createElement("button"), { textContent: "?", title: "List the keys", onclick: help.turn });
  el.replaceChildren(ask, Object.assign(document.createElement("span"), { textContent: model.get("hint") }), help.element);
  const attach = () => {
    const root = el.closest(".fieldbook-keys");
    if (root) {
      el.append(listen(root, model, help, stop.signal));
      arrive(root, model.get("seek"));
    } else frame = requestAnimationFrame(attach); // not in the page yet
  };
  attach();
  return () => {
    cancelAnimationFrame(frame);
    stop.abort();
  };
}

export default { render };
