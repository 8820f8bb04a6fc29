"""A to-do app is built by scripted roles: what was planted is counted from the build's events, and
what is not mended is not complete.
"""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.events import Event
from toolkit.harness import Budget
from toolkit.harness.demo.defects import Defect, count_defects
from toolkit.harness.demo.script import question, run_script
from toolkit.harness.demo.todo import DEFECTS, FEATURES, SERVE, TODO, generate_policy
from toolkit.models import Answer
from toolkit.sessions import MemoryLog, Session
from toolkit.tour.build_report import build_report
from toolkit.tour.story import build_warning

API = FEATURES[0]
DEFECT = Defect("It counts from one", "app.py", "start = 1", "start = 0", "counts")


def event(kind, **data):
    return Event("build", kind, "generator", data, "an id")


def writing(content, error=False, path="app.py"):
    """A file that is written, and what comes of it."""
    arguments = {"path": path, "content": content}
    call_id = f"{content}-{error}-{path}"
    return [
        event("tool.call", call_id=call_id, arguments=arguments),
        event("tool.result", call_id=call_id, error=error),
    ]


def verdict(check, word, criterion="counts"):
    return [event("verdict", criterion=criterion, check=check, verdict=word)]


MOMENTS = {
    "planted": writing("start = 1"),
    "mended": writing("start = 0"),
    "refused": writing("start = 0", error=True),
    "elsewhere": writing("start = 0", path="other.py"),
    "red": verdict("fail", "fail"),
    "doubted": verdict("pass", "fail"),
    "green": verdict("pass", "pass"),
    "another": verdict("fail", "fail", criterion="adds"),
}


def is_caught(moments):
    """Whether a red check while the defect was there came before a green one while it was not."""
    red_was_seen = False
    for number, moment in enumerate(moments):
        written = [name for name in moments[:number] if name in ("planted", "mended")]
        is_there = bool(written) and written[-1] == "planted"
        red_was_seen = red_was_seen or (moment == "red" and is_there)
        if moment == "green" and red_was_seen and not is_there:
            return True
    return False


@given(st.lists(st.sampled_from(sorted(MOMENTS)), max_size=12))
def test_a_defect_is_caught_by_a_red_check_while_it_is_there_and_a_green_one_once_it_is_gone(
    moments,
):
    events = [event for moment in moments for event in MOMENTS[moment]]
    assert count_defects(events, [DEFECT]) == {
        "defects_planted": int("planted" in moments),
        "defects_caught": int(is_caught(moments)),
    }


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.caught_by)
def test_a_defect_is_in_the_first_version_of_one_file_and_mending_it_leaves_nothing_else(defect):
    (feature,) = [feature for feature in FEATURES if defect in feature.defects]
    assert defect.caught_by in [criterion["id"] for criterion in feature.criteria]
    planted = [file for file in feature.first_version if defect.defective in file.content]
    assert [file.path for file in planted] == [defect.file]
    assert [defect.mend(file) for file in feature.first_version] == feature.files


def never_mends(request):
    """The scripted Generator, which promises one thing and takes no notice of the findings."""
    asked = question(request)
    if asked["task"] == "propose":
        (criterion,) = [one for one in API.criteria if one["id"] == "refuses-blanks"]
        return Answer(data={"criteria": [criterion], "serve": SERVE})
    asked["findings"] = None
    message = {"role": "user", "content": json.dumps(asked)}
    return generate_policy(replace(request, messages=(message,)))


@pytest.mark.sandbox
async def test_a_build_whose_defect_is_not_mended_is_not_complete(tmp_path):
    script = replace(TODO, generate=never_mends, budget=Budget(rounds=2, seconds=900))
    build = await run_script(script, tmp_path, Session(MemoryLog(), "build"))
    figures = build.figures
    assert (figures["outcome"], figures["rounds"], figures["features"]) == ("failed", 2, ())
    assert (figures["defects_planted"], figures["defects_caught"]) == (1, 0)
    assert (figures["criteria"], figures["passed"]) == (1, 0)
    assert list((tmp_path / "build").iterdir()) == []
    page = build_report(TODO.goal, build, tmp_path)
    assert "<h3>Open: A title of blanks is taken for a title</h3>" in page
    assert "It was not mended." in page


def only_the_page(_):
    """A plan of one feature, of which a browser is the check."""
    features = [{"id": "page", "what": "A page."}]
    return Answer(data={"spec": "A page.", "features": features})


@pytest.mark.sandbox
async def test_without_chromium_the_build_does_not_end_complete_and_says_what_to_install(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("FIELDBOOK_CHROMIUM", "/nowhere/chromium")
    assert "install `chromium`" in build_warning()
    script = replace(TODO, plan=only_the_page)
    build = await run_script(script, tmp_path, Session(MemoryLog(), "build"))
    figures = build.figures
    assert (figures["outcome"], figures["features"], figures["passed"]) == ("halted", (), 0)
    assert "install `chromium`" in figures["why"]
    assert "No contract was agreed on." in build_report(TODO.goal, build, tmp_path)


@pytest.mark.browser
def test_with_chromium_there_is_no_warning():
    assert build_warning() == ""
