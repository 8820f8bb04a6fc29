// Reading a trace in a panel, and pointing at what it says. It stands before keys.js, which gives it keys.

const SELECTED = "fieldbook-quote"; // what the style calls the words that were selected last
const elementOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement);

// What is read in the frame of a panel: its steps, the one in view, and the way from one to the next. Nothing of it is sent.
function reading(root) {
  const page = () => root.querySelector(".fieldbook-page"); // the first: a panel may have another one beneath it
  const frame = () => page()?.querySelector(".fieldbook-frame");
  const steps = () => [...(frame()?.querySelectorAll(".steps article") ?? [])];
  const field = () => page()?.querySelector(".fieldbook-step input");
  const quoted = () => page()?.querySelector(".fieldbook-quote input");
  const topOf = () => (frame().querySelector(".bar") ?? frame()).getBoundingClientRect().bottom; // the strip stays in sight
  let sought = null; // the step that was gone to, which is the one in view as long as it can be seen
  let marked = null; // the words that were selected last
  let begun = null; // the link that the page began at

  function inView() {
    const list = steps();
    if (!list.length) return null;
    const top = frame().querySelector(".bar") ? topOf() : frame().getBoundingClientRect().top;
    const bottom = frame().getBoundingClientRect().bottom;
    const box = sought?.isConnected && sought.getBoundingClientRect();
    if (box && box.bottom > top && box.top < bottom) return sought;
    return list.find((step) => step.getBoundingClientRect().bottom > top + 16) ?? list.at(-1);
  }

  function show() {
    const here = inView();
    root.querySelectorAll(".fieldbook-here").forEach((step) => step !== here && step.classList.remove("fieldbook-here"));
    here?.classList.add("fieldbook-here");
  }

  function go(part) {
    for (let fold = part.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const step = part.closest("article");
    const shown = frame();
    const top = (element) => element.getBoundingClientRect().top;
    const target = top(part) - top(step) < shown.clientHeight / 2 ? step : part; // the head of a step stays with it
    const far = () => top(target) - Math.max(topOf(), top(shown)) - 20; // clear of the shade under the strip
    sought = step;
    shown.scrollTop += far(); // twice, for what came into view on the way has its true height only now
    requestAnimationFrame(() => ((shown.scrollTop += far()), show()));
  }

  function nextError() {
    const list = steps();
    const from = list.indexOf(inView());
    const behind = [...list.slice(from + 1), ...list.slice(0, from + 1)];
    const start = frame().scrollTop === 0 && !sought ? list : behind; // at the top, the first counts too
    const failed = start.find((step) => step.classList.contains("failed"));
    if (failed) go(failed);
  }

  function openAll() {
    const folds = [...frame().querySelectorAll(".steps details")];
    const open = folds.some((fold) => !fold.open);
    folds.forEach((fold) => (fold.open = open));
  }

  const numberOf = (step) => /-(\d+)$/.exec(step?.id)?.[1];

  function write(input, value) {
    if (input.value === value) return;
    input.value = value;
    for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
  }

  function choose(step) {
    const number = numberOf(step);
    if (field() && number) write(field(), field().value === number ? "" : number);
  }

  // What is selected in the frame, and the step that it begins in; of several steps the first.
  function selection() {
    const range = getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
    const step = range && elementOf(range.startContainer).closest("[data-step]");
    return range && !range.collapsed && quoted() && numberOf(step) && frame().contains(step) ? { range, step } : null;
  }

  function quote() {
    const { range, step } = selection();
    if (!step.contains(range.endContainer)) range.setEnd(step, step.childNodes.length);
    const words = getSelection().toString().trim().replace(/\s+/g, " ");
    if (!words) return;
    write(field(), numberOf(step)); // first: another step has other words
    write(quoted(), words);
    mark(range.cloneRange());
    getSelection().removeAllRanges();
  }

  function mark(range) {
    if (!CSS.highlights) return;
    if (!CSS.highlights.has(SELECTED)) CSS.highlights.set(SELECTED, new Highlight());
    if (marked) CSS.highlights.get(SELECTED).delete(marked);
    CSS.highlights.get(SELECTED).add(range);
    marked = range;
  }

  function follow(link) {
    const step = frame()?.querySelector(`#${CSS.escape(link.hash.slice(1))}`); // another panel may show this trace too
    if (step?.contains(link)) choose(step); // its own number
    else if (step) go((link.matches(".fieldbook-quoted") && wordsIn(step)) || step);
    return step;
  }

  const wordsIn = (step) => (marked && step.contains(marked.startContainer) ? elementOf(marked.startContainer) : step.querySelector("mark.quote"));

  // A page may say where to begin; what it leads to can come later than the link.
  function begin() {
    const link = [...(page()?.querySelectorAll(".fieldbook-begin a") ?? [])].at(-1); // the words, where some are quoted
    if (link && link !== begun && follow(link)) begun = link;
  }

  function seek(selector) {
    const step = frame()?.querySelector(selector);
    if (step) go(step);
    else if (frame()) frame().scrollTop = 0;
  }

  const step = () => (selection() ? quote() : choose(inView()));
  return { frame, show, follow, seek, selection, begin, acts: { error: nextError, open: openAll, step } };
}

// A button beside the words that are selected, which does what its key does. It is in the top layer, where nothing cuts it off.
function quoteButton(read, onQuote, signal) {
  const button = Object.assign(document.createElement("button"), { textContent: "Quote (S)", popover: "manual" });
  button.className = "fieldbook-quoting";
  button.title = "The label is about these words";
  let isDragging = false;

  function offer() {
    const selected = isDragging ? null : read.selection();
    button.togglePopover(Boolean(selected));
    if (!selected) return;
    const box = [...selected.range.getClientRects()].at(-1) ?? selected.step.getBoundingClientRect();
    button.style.left = `${Math.min(box.right, innerWidth - button.offsetWidth - 8)}px`;
    button.style.top = `${Math.min(box.bottom + 4, innerHeight - button.offsetHeight - 8)}px`;
  }

  const drag = (is) => () => ((isDragging = is), requestAnimationFrame(offer)); // a press elsewhere takes the selection away first
  document.addEventListener("pointerdown", drag(true), { signal, capture: true });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, drag(false), { signal, capture: true });
  document.addEventListener("selectionchange", offer, { signal });
  document.addEventListener("scroll", offer, { signal, capture: true });
  button.addEventListener("mousedown", (event) => event.preventDefault()); // the words stay selected
  button.addEventListener("click", onQuote);
  return button;
}
