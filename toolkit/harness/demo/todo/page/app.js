const list = document.querySelector("ul");
const form = document.querySelector("form");
let todos = [];

async function ask(path, method, value) {
  const body = value && JSON.stringify(value);
  const answer = await fetch(path, { method, body });
  return answer.ok ? answer.json() : null;
}

function show() {
  list.replaceChildren(...todos.map(asItem));
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

load();
