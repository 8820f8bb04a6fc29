"""A small to-do app, as a build that checks are run on: an API, a page and an SQLite file."""

APP = """
import json, re, sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def query(sql, *values):
    with sqlite3.connect("tasks.db") as database:
        return database.execute(sql, values).fetchall()

query("create table if not exists tasks (id integer primary key, title text, done integer default 0)")

def tasks():
    return [{"id": i, "title": t, "done": bool(d)} for i, t, d in query("select * from tasks order by id")]

class App(BaseHTTPRequestHandler):
    def answer(self, status, body, kind="application/json"):
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        if self.path == "/":
            self.answer(200, open("page.html").read(), "text/html; charset=utf-8")
        elif self.path == "/tasks":
            self.answer(200, json.dumps({"tasks": tasks()}))
        elif self.path == "/hang":
            import time; time.sleep(600)
        elif self.path == "/large":
            self.answer(200, "x" * 1_000_000)
        elif self.path == "/broken":
            1 / 0
        else:
            self.answer(404, "no such page", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        done = re.fullmatch(r"/tasks/(\\d+)/done", self.path)
        if done:
            query("update tasks set done = 1 where id = ?", int(done[1]))
            self.answer(200, "{}")
            return
        try:
            title = json.loads(body)["title"]
        except (ValueError, KeyError):
            self.answer(400, json.dumps({"error": "no title"}))
            return
        query("insert into tasks (title) values (?)", title)
        self.answer(201, json.dumps(tasks()[-1]))

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", 8000), App).serve_forever()
"""
PAGE = """<!doctype html><title>To do</title>
<style>
  body { font: 18px sans-serif; margin: 2em; }
  li { margin: .5em 0; } li.done span { text-decoration: line-through; color: gray; }
</style>
<h1>To do</h1>
<form><label>New task <input name="title"></label> <button>Add</button></form>
<p id="left"></p><ul></ul>
<script>
const ask = (path, body) => fetch(path, body && {method: "POST", body: JSON.stringify(body)});
async function show() {
  const {tasks} = await (await ask("/tasks")).json();
  document.querySelector("#left").textContent = tasks.filter(t => !t.done).length + " left";
  document.querySelector("ul").replaceChildren(...tasks.map(task => {
    const item = document.createElement("li");
    item.innerHTML = "<span></span> <button>Done</button>";
    item.className = task.done ? "done" : "";
    item.firstChild.textContent = task.title;
    item.lastChild.onclick = async () => { await ask(`/tasks/${task.id}/done`, {}); show(); };
    return item;
  }));
}
document.querySelector("form").onsubmit = async event => {
  event.preventDefault();
  await ask("/tasks", {title: event.target.title.value || event.target.elements.title.value});
  event.target.reset(); show();
};
show();
</script>
"""
