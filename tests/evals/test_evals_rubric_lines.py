"""What is wrong with a rubric's file is said with the line that it stands on."""

import pytest

from toolkit.evals import Rubric, RuleJudge
from toolkit.evals.judges.front_matter import located
from toolkit.records import RecordError

HEAD = "---\nname: polite\n"
BROKEN = [
    (f"{HEAD}criteria:\n- id: x\n  text: T\n  rul: says a\n---\nQ?", 6),
    (f"\n\n{HEAD}threshold: all\n---\nQ?", 5),
    (f"{HEAD}scale: [pass\n---\nQ?", 4),
    (f"{HEAD}criteria:\n- one\n- two: more\n---\nQ?", 4),
    ("no front matter", 1),
]


@pytest.mark.parametrize(("source", "line"), BROKEN)
def test_the_error_has_the_line_of_the_file(source, line):
    with pytest.raises(RecordError, match=f"polite.md:{line}:") as error:
        Rubric.parse(source, "polite.md")
    assert error.value.line == line


def test_a_rule_that_cannot_be_read_is_found_in_the_file_too():
    source = f"{HEAD}criteria:\n- fine\n- id: b\n  text: T\n  rule: speaks sorry\n---\nQ?"
    with pytest.raises(RecordError, match="speaks sorry") as error:
        RuleJudge(Rubric.parse(source))
    assert located(error.value, source, "polite.md").line == 7


def test_a_field_of_the_whole_file_has_no_line():
    wrong = RecordError("it is blank", "polite.md", field="text")
    assert located(wrong, f"{HEAD}---\nQ?", "polite.md").line is None
