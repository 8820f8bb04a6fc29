"""The viewer: what is in the page of many traces, and the command that writes it."""

import gzip
import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.commands import names_of_page
from toolkit.traces import Step, Trace, read_traces, write_traces
from toolkit.traces import viewer as module
from toolkit.traces.viewer import viewer

HOSTILE = "</script><script>alert(1)</script><!--"


def talk(number: int, failed: bool = False, words: str = "Two.") -> Trace:
    about = {"call_id": "c", "name": "find"}
    steps = (
        Step("u", "message", "user", "Is a bike free?", 0.0),
        Step("c", "tool.call", "assistant", "find", 1.0, {**about, "arguments": {"day": number}}),
        Step(
            "r",
            "tool.result",
            "tool",
            "no such day" if failed else "2",
            2.0,
            {**about, "error": failed},
        ),
        Step("a", "message", "assistant", words, 12.5),
    )
    meta = {"outcome": "failed" if failed else "passed", "cost_usd": 0.5, "model": "m-1"}
    return Trace(f"visit-{number}", steps, meta)


class Data(HTMLParser):
    """The JSON values in a page, by the id of their element."""

    def __init__(self, html: str):
        super().__init__()
        self.values: dict[str, str] = {}
        self.scripts = 0
        self._id: str | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "script":
            self._id = dict(attrs).get("id")
            self.scripts += self._id is None

    def handle_data(self, data):
        if self._id:
            self.values[self._id] = json.loads(data)

    def handle_endtag(self, tag):
        self._id = None

    def rows(self) -> list[dict]:
        """The rows of the list, of which the page has the cells column by column."""
        cells = self.values["rows-data"]
        return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def page_of(html: str, position: int) -> str:
    return gzip.decompress(b64decode(Data(html).values[f"page-{position}"])).decode()


def test_the_list_has_every_trace_and_the_page_of_each_is_packed():
    page = viewer([talk(0), talk(1, failed=True)], "visits.jsonl")
    assert (page.n_traces, page.n_pages) == (2, 2)
    passed, failed = Data(page.html).rows()
    assert (passed["id"], passed["outcome"], passed["failed"], passed["wrong"]) == (
        "visit-0",
        "passed",
        0,
        False,
    )
    assert (failed["failed"], failed["wrong"], failed["why"], failed["page"]) == (
        1,
        True,
        "no such day",
        True,
    )
    assert (failed["steps"], failed["cost_usd"], failed["duration_s"], failed["model"]) == (
        4,
        0.5,
        12.5,
        "m-1",
    )
    assert 'id="t1-2"' in page_of(page.html, 1)
    assert "no such day" in page_of(page.html, 1)


def test_the_page_of_one_trace_stands_in_the_file_as_it_is_read():
    page = viewer([talk(0)], "visits.jsonl")
    assert page.n_pages == 1
    assert 'id="t0-4"' in page.html
    assert set(Data(page.html).values) == {"rows-data"}


def test_the_page_of_one_trace_offers_no_key_to_another():
    keys = {"?", "E", "P", "O", "J", "K", "/", "Esc"}
    for traces, offered in (([talk(0), talk(1)], keys), ([talk(0)], {"?", "E", "P", "O"})):
        page = viewer(traces, "visits.jsonl")
        assert set(re.findall("<kbd>(.+?)</kbd>", page.html)) == offered


def test_the_list_says_where_its_traces_come_from_where_all_come_from_one_source():
    assert "2 traces, all imported<" in viewer([talk(0), talk(1)], "visits.jsonl").html


def test_where_the_pages_are_too_many_those_that_failed_go_first(monkeypatch):
    traces = [talk(number, failed=number == 7, words="word " * 500) for number in range(9)]
    monkeypatch.setattr(module, "PAGES_CHARS", 12_000)
    page = viewer(traces, "visits.jsonl")
    assert page.n_traces == 9
    assert 1 <= page.n_pages < 9
    rows = Data(page.html).rows()
    assert len(rows) == 9
    assert rows[7]["page"]
    assert sum(row["page"] for row in rows) == page.n_pages
    assert f"{page.n_pages} of them can be read here" in page.html
    assert "<code>fieldbook view FILE --all</code>" in page.html
    assert "would make this file slow" in page.html
    assert viewer(traces, "visits.jsonl", every_page=True).n_pages == 9


def test_nothing_in_a_trace_ends_the_data_or_adds_a_script():
    trace = Trace(
        HOSTILE,
        (Step("u", "message", "user", HOSTILE, None, {HOSTILE: HOSTILE}),),
        {"outcome": HOSTILE, "model": HOSTILE},
    )
    for traces in ([trace], [trace, talk(1)]):
        page = viewer(traces, HOSTILE)
        parsed = Data(page.html)
        assert parsed.scripts == 1
        assert parsed.rows()[0]["id"] == HOSTILE
        assert "alert(1)</script>" not in page.html


def test_the_page_may_load_nothing_and_runs_its_own_script_alone():
    html = viewer([talk(0), talk(1)], "visits.jsonl").html
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert "default-src &#x27;none&#x27;" in policy
    assert "script-src &#x27;sha256-" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert not re.search(r'(src|href)="(https?:)?//', html)


def test_the_same_traces_make_the_same_page():
    traces = [talk(0), talk(1, failed=True)]
    assert viewer(traces, "a").html == viewer(traces, "a").html


def run(*arguments: str):
    return CliRunner().invoke(app, ["view", *arguments])


def test_the_command_writes_one_page_and_opens_it_unless_it_is_told_not_to(tmp_path, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.chdir(tmp_path)
    write_traces("visits.jsonl", [talk(0), talk(1)])
    done = run("visits.jsonl", "--out", "mail/page.html", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "ok": True,
        "page": "mail/page.html",
        "traces": 2,
        "pages": 2,
    }
    assert "<!doctype html>" in (tmp_path / "mail" / "page.html").read_text()
    assert opened == []
    assert run("visits.jsonl", "--no-open").exit_code == 0
    assert opened == []
    assert run("visits.jsonl").exit_code == 0
    assert opened == [(tmp_path / "fieldbook-out" / "visits.jsonl.html").as_uri()]


def test_the_command_takes_several_files_a_folder_and_a_pattern(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    write_traces(folder / "a.jsonl", [talk(0)])
    write_traces(folder / "b.jsonl", [talk(1)])
    for given in (
        [str(folder)],
        [str(folder / "*.jsonl")],
        [str(folder / "a.jsonl"), str(folder / "b.jsonl")],
    ):
        done = run(*given, "--out", str(tmp_path / "page.html"), "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["traces"] == 2


def test_a_page_of_several_files_is_titled_by_their_folder_and_says_which_is_which(tmp_path):
    runs = tmp_path / "runs"
    (runs / "old").mkdir(parents=True)
    write_traces(runs / "old" / "a.jsonl", [talk(0), talk(1)])
    write_traces(runs / "b.jsonl", [talk(2)])
    page = tmp_path / "page.html"
    for given, title in (
        ([runs / "b.jsonl", runs / "old" / "a.jsonl"], "runs (2 files)"),
        ([runs], "runs"),
    ):
        assert run(*map(str, given), "--out", str(page)).exit_code == 0
        html = page.read_text()
        assert f"<title>{title}</title>" in html
        assert f"<h1>{title}</h1>" in html
        files = {row["id"]: row["file"] for row in Data(html).rows()}
        assert files == {"visit-0": "old/a.jsonl", "visit-1": "old/a.jsonl", "visit-2": "b.jsonl"}
    assert run(str(runs / "b.jsonl"), "--out", str(page)).exit_code == 0
    assert "<title>b.jsonl</title>" in page.read_text()
    assert [row["file"] for row in Data(page.read_text()).rows()] == [""]


def test_files_without_a_common_folder_are_counted():
    assert names_of_page([Path("/a/x.jsonl"), Path("/b/y.jsonl")]) == ("2 files", "traces")


def test_the_command_never_writes_over_what_it_reads(tmp_path):
    path = tmp_path / "visits.jsonl"
    write_traces(path, [talk(0)])
    done = run(str(path), "--out", str(path))
    assert done.exit_code == 2
    assert "is the file to be read" in done.output
    assert len(read_traces(path)) == 1


def test_the_real_airline_traces_say_where_they_went_wrong(data_dir):
    path = data_dir / "tau-bench-airline" / "gpt-4o-airline.json"
    if not path.exists():
        pytest.skip(f"there is no {path}")
    traces = read_traces(path)
    html = viewer(traces, path.name).html
    position = [trace.id for trace in traces].index("task-13-trial-2")
    head = page_of(html, position).partition('<div class="steps">')[0]
    text = re.sub(r"<[^>]*>", "", head)
    assert "update_reservation_flights failed 4 times, at steps 13 27 37 41" in text
    assert "Error: flight HAT030 not available on date 2024-05-13" in text
