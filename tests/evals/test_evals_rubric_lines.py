"""What is wrong with a rubric's file is said with the line that it stands on."""

import pytest

from toolkit.evals import Rubric, RuleJudge
from toolkit.evals.judges.front_matter import fields_in, located, with_field
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


SOURCE = f"""\n{HEAD}criteria:  # in this order
- a sentence alone
- id: b
  text: T
  rule: says sorry
---

Q?
"""


@pytest.mark.parametrize(
    ("field", "value", "old", "new"),
    [
        ("criteria.1.rule", "says thanks", "rule: says sorry", "rule: says thanks"),
        ("criteria.1.text", "No: never # ever", "text: T", 'text: "No: never # ever"'),
        ("criteria.1.required", "true", "says sorry", "says sorry\n  required: true"),
        ("criteria.0", "another one", "a sentence alone", "another one"),
        ("name", "kind", "name: polite", "name: kind"),
    ],
)
def test_a_field_is_put_into_the_text_and_every_other_letter_stays(field, value, old, new):
    assert with_field(SOURCE, "polite.md", field, value) == SOURCE.replace(old, new)


def test_a_sentence_alone_becomes_a_criterion_with_a_rule():
    whole = {"id": "c1", "text": "It's said", "rule": 'says "it"'}
    fields = fields_in(with_field(SOURCE, "polite.md", "criteria.0", whole), "polite.md")
    assert fields["criteria"][0] == whole


def test_a_field_without_a_place_in_the_text_is_refused():
    with pytest.raises(ValueError, match=r"criteria\.0\.rule has no place"):
        with_field(f"{HEAD}criteria:\n- {{}}\n---\nQ?", "polite.md", "criteria.0.rule", "x")
