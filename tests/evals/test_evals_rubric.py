from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.evals import Criterion, Example, Finding, Rubric
from toolkit.records import RecordError

HAND = """\
---
# ada keeps this file
name: kept        # short, please
criteria:
  # after the refund that never came
  - The refund was paid.
  - id: polite
    text: "Polite: always"
    required: true

# bump it when a criterion changes
version: 2
# the end
---

Kept its *word*?

"""


def test_a_rubric_is_read_from_markdown_and_its_hash_follows_every_letter(tmp_path):
    path = tmp_path / "kept.md"
    path.write_text(HAND)
    rubric = Rubric.load(path)
    assert (rubric.name, rubric.text, rubric.version) == ("kept", "Kept its *word*?", 2)
    assert rubric.criteria == (
        Criterion("c1", "The refund was paid."),
        Criterion("polite", "Polite: always", required=True),
    )
    assert rubric.hash == Rubric.load(path).hash
    path.write_text(HAND.replace("paid", "Paid"))
    assert rubric.hash != Rubric.load(path).hash


def test_a_yaml_file_holds_the_same_with_its_text_in_it(tmp_path):
    (tmp_path / "kept.md").write_text("---\nname: kept\ncriteria: [It paid.]\n---\nKept its word?")
    (tmp_path / "kept.yaml").write_text("name: kept\ncriteria: [It paid.]\ntext: Kept its word?")
    assert Rubric.load(tmp_path / "kept.yaml") == Rubric.load(tmp_path / "kept.md")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "kept.md:1"),
        ("---\nname: [\n---\ntext", "not YAML"),
        ("---\n- a\n---\ntext", "mapping"),
        ("---\ncriteria: []\n---\ntext", "field name"),
        ("---\nname: kept\ncriteria:\n  - a: b\n---\ntext", "field criteria"),
        ("---\nname: kept\ncriteria: It paid.\n---\ntext", "field criteria"),
        ("---\nname: kept\n---\n", "what to judge"),
        ("---\nname: kept\ncriterion: one\n---\ntext", "field criterion"),
        ("---\nname: kept\ncriteria:\n  - {id: a b, text: It paid.}\n---\ntext", "short ids"),
        (
            "---\nname: kept\ncriteria:\n  - {id: c2, text: It paid.}\n  - It came.\n---\ntext",
            "short ids",
        ),
        ("---\nname: kept\nscale: [good]\n---\ntext", "two grades"),
        ("---\nname: kept\nscale: [good, bad, bad]\n---\ntext", "two grades"),
        ("---\nname: kept\npassing: fail\n---\ntext", "not the worst"),
        ("---\nname: kept\nthreshold: 0\n---\ntext", "threshold"),
        ("---\nname: kept\nexamples:\n  - {trace_id: t, findings: {}}\n---\ntext", "example t"),
        (
            "---\nname: kept\nexamples:\n  - {trace_id: t, findings: {whole: {critique: c, verdict: so so}}}\n---\nt",
            "example t",
        ),
        (
            "---\nname: kept\nexamples:\n  - {trace_id: t, findings: {whole: {verdict: pass}}}\n---\ntext",
            r"field examples.0.findings.whole.critique",
        ),
    ],
)
def test_a_broken_rubric_is_named_with_its_file(tmp_path, text, said):
    path = tmp_path / "kept.md"
    path.write_text(text)
    with pytest.raises(RecordError, match=said) as caught:
        Rubric.load(path)
    assert caught.value.file == str(path)


def test_the_verdict_follows_from_the_grades_the_threshold_and_what_is_required():
    four = [Criterion(name, "It holds.", required=name == "a") for name in "abcd"]
    rubric = Rubric(
        "r", "text", tuple(four), scale=("good", "fair", "poor"), passing="fair", threshold=0.5
    )
    for grades, verdict in (
        ("good good good good", "pass"),
        ("fair fair poor poor", "pass"),
        ("fair poor poor poor", "fail"),
        ("poor good good good", "fail"),
    ):
        assert rubric.decide(dict(zip("abcd", grades.split(), strict=True))) == verdict
    with pytest.raises(KeyError):
        rubric.decide({"a": "good"})


@pytest.mark.parametrize("name", ["kept.md", "kept.yaml"])
def test_saving_what_is_in_the_file_already_changes_no_letter_of_it(tmp_path, name):
    path = tmp_path / name
    source = (
        HAND
        if name.endswith(".md")
        else HAND.split("---\n")[1] + "text: |\n  # Kept?\n\n  # Always?\n# really\n"
    )
    path.write_text(source)
    Rubric.load(path).save(path)
    assert path.read_text() == source


@pytest.mark.parametrize("source", [HAND, "notes that took an hour"])
def test_what_somebody_wrote_is_not_written_over(tmp_path, source):
    path = tmp_path / "kept.md"
    path.write_text(source)
    with pytest.raises(FileExistsError, match="save elsewhere"):
        Rubric("kept", "Kept?").save(path)
    assert path.read_text() == source


def test_a_new_file_reads_as_a_person_would_write_it(tmp_path):
    Rubric("kept", "Kept?", ("It paid.", Criterion("soon", "In time."))).save(
        tmp_path / "deep" / "kept.md"
    )
    text = "---\nname: kept\ncriteria:\n- It paid.\n- id: soon\n  text: In time.\n---\n\nKept?\n"
    assert (tmp_path / "deep" / "kept.md").read_text() == text


def test_what_no_yaml_file_can_hold_is_refused(tmp_path):
    path = tmp_path / "kept.md"
    with pytest.raises(ValueError, match="read back the same"):
        Rubric("next\x85line", "Kept?").save(path)
    assert not path.exists()


WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), min_size=1, max_size=30
).filter(str.strip)
RUBRICS = st.builds(
    Rubric,
    WORDS,
    WORDS,
    st.lists(
        st.builds(
            Criterion,
            st.from_regex(r"[a-z][\w-]{0,9}", fullmatch=True),
            WORDS,
            WORDS,
            st.booleans(),
        ),
        unique_by=lambda one: one.id,
        max_size=3,
    ).map(tuple),
    threshold=st.floats(0.01, 1),
    version=st.integers(0, 9),
)


def shown(rubric):
    findings = {criterion.id: Finding("Because: it is.", "fail") for criterion in rubric.criteria}
    return replace(rubric, examples=(Example("t1", findings),))


@pytest.mark.parametrize("name", ["kept.md", "kept.yaml"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(RUBRICS)
def test_what_is_saved_is_read_back_the_same_whatever_the_words(tmp_path, name, drawn):
    path = tmp_path / name
    for rubric in (drawn, shown(drawn)):
        path.unlink(missing_ok=True)
        rubric.save(path)
        assert Rubric.load(path) == rubric


def test_an_unknown_field_is_told_with_the_known_ones(tmp_path):
    head = "---\nname: x\n{}\n---\nIs it good?"
    with pytest.raises(
        RecordError, match=r"field kriteria: .* known are name, text, criteria, scale"
    ):
        Rubric.parse(head.format("kriteria: []"))
    with pytest.raises(
        RecordError, match=r"criteria\.0\.txt: .* known are id, text, rule, required"
    ):
        Rubric.parse(head.format("criteria: [{id: a, text: b, txt: c}]"))


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    path = tmp_path / "old.md"
    path.write_bytes("---\nname: x\n---\nIs it good, in the café?".encode("latin-1"))
    with pytest.raises(
        RecordError, match=r"old\.md:4: byte 38 is not UTF-8: save the file as UTF-8"
    ):
        Rubric.load(path)


@pytest.mark.parametrize(
    ("written", "scale"),
    [
        ("[5, 4, 3, 2, 1]", ("5", "4", "3", "2", "1")),
        ("[yes, no]", ("yes", "no")),
        ("[On, Off]", ("On", "Off")),
        ("[1.50, 0.5]", ("1.50", "0.5")),
        ('["yes", "no"]', ("yes", "no")),
    ],
)
def test_grades_are_the_words_that_stand_there_quoted_or_not(written, scale):
    source = f"---\nname: r\nscale: {written}\nversion: 3\nthreshold: 0.5\n---\nIs it good?"
    rubric = Rubric.parse(source)
    assert (rubric.scale, rubric.version, rubric.threshold) == (scale, 3, 0.5)


@pytest.mark.parametrize("word", ["true", "yes", "True", "on"])
def test_a_criterion_is_required_by_any_word_that_yaml_has_for_it(word):
    source = (
        f"---\nname: r\ncriteria:\n- {{id: a, text: It is., required: {word}}}\n---\nIs it good?"
    )
    assert Rubric.parse(source).criteria[0].required is True


@pytest.mark.parametrize("sentence", ["It says: hello.", "It says: hello, and: good bye."])
def test_a_criterion_with_a_colon_is_told_to_be_quoted(sentence):
    source = f"---\nname: r\ncriteria:\n- It is.\n- {sentence}\n---\nIs it good?"
    with pytest.raises(RecordError, match="quotes"):
        Rubric.parse(source)
    quoted = source.replace(sentence, f'"{sentence}"')
    assert Rubric.parse(quoted).criteria[1].text == sentence


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_rubric_that_another_program_saved_is_the_same_rubric(tmp_path, mark):
    source = "---\nname: r\ncriteria:\n- It is.\n---\nIs it\ngood?\n"
    path = tmp_path / "r.md"
    path.write_bytes(mark + source.rstrip().replace("\n", "\r\n").encode())
    assert Rubric.load(path).hash == Rubric.parse(source).hash
