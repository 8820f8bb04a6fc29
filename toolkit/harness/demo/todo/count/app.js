const list = document.querySelector("ul");
const form = document.querySelector("form");
const count = document.querySelector("#count");
let todos = [];

async function ask(path, method, value) {
  const body = value && JSON.stringify(value);
  const answer = await fetch(path, { method, body });
  return answer.ok ? answer.json() : null;
}

function show() {
  const shown = todos.filter(isShown);
  list.replaceChildren(...shown.map(asItem));
  count.textContent = `${todos.filter(isOpen).length} open`;
}

function isOpen(todo) {
  return !todo.done;
}

function isShown(todo) {
  if (location.pathname === "/open") return !todo.done;
  if (location.pathname === "/done") return todo.done;
  return true;
}

function asItem(todo) {
  const item = document.createElement("li");
  const box = document.createElement("input");
  const title = document.createElement("span");
  const state = document.createElement("small");
  item.className = todo.done ? "done" : "open";
  box.type = "checkbox";
  box.checked = todo.done;
  box.ariaLabel = todo.title;
  box.addEventListener("change", () => tick(todo, box.checked));
  title.textContent = todo.title;
  state.textContent = todo.done ? "done" : "";
  item.append(box, title, state);
  return item;
}

async function tick(todo, done) {
  await ask(`/api/todos/${todo.id}`, "PATCH", { done });
  todo.done = done;
  show();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const todo = await ask("/api/todos", "POST", { title: form.elements.title.value });
  if (!todo) return;
  todos.push(todo);
  form.reset();
  show();
});

async function load() {
  todos = await ask("/api/todos", "GET");
  show();
}

for (const link of document.querySelectorAll("nav a")) {
  link.classList.toggle("here", link.pathname === location.pathname);
}
load();
