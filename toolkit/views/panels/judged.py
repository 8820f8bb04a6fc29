"""Who judges on a `RubricPanel`, and by which rubric."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from toolkit import render
from toolkit.evals import JudgeLike, Rubric

__all__ = ["judged_by_html", "with_rubric"]

OWN_RUBRIC = "Judged by a rubric of its own: an edit of this one changes no verdict"


def judged_by_html(rubric: Rubric | None, judge: JudgeLike, facts: Iterable[str]) -> render.Html:
    """The head of the panel: the rubric that was judged by, unless the judge has one of its own,
    what the judge is, and other `facts`.
    """
    words = OWN_RUBRIC
    tooltip = None
    if rubric:
        words = f"Judged by the rubric {rubric.name}, version {rubric.version}"
        tooltip = f"hash {rubric.hash}"
    badges = [render.tag("span", fact, class_="badge") for fact in (*facts, judge.says)]
    return render.block(
        render.tag("div", render.tag("strong", words, title=tooltip), *badges, class_="row")
    )


def with_rubric(judge: Any, rubric: Rubric) -> Any:
    """The same judge with another `rubric`; as it is, where it has none."""
    if is_dataclass(judge) and any(field.name == "rubric" for field in fields(judge)):
        return replace(judge, rubric=rubric)  # type: ignore[type-var]
    return judge
