"""A field is excused where its form reads it, and not wherever another has its name."""

import pytest

from toolkit.traces import Format, Step, Trace, read_traces
from toolkit.traces.audit import passed_over, values_in
from toolkit.traces.formats import known_formats

WORDS = "The tandem is lost."


def read_note(record: dict, id: str) -> Trace:
    return Trace(id, (Step("1", "message", "user", record["note"]["text"]),))


def lost(tmp_path, record: str, *converted: str) -> list[str]:
    """The fields that the report names where a form of ours converts some."""
    form = Format("note", ("note",), read_note, converted=frozenset(converted))
    path = tmp_path / "notes.jsonl"
    path.write_text(record + "\n")
    traces = read_traces(path, formats=[form])
    return [remark.what for remark in traces.report.not_understood]


@pytest.mark.parametrize(
    ("converted", "named"),
    [
        ((), ["note.mood", "note.pages.*.mood", "mood"]),
        (("mood",), ["note.mood", "note.pages.*.mood"]),
        (("note.mood",), ["note.pages.*.mood", "mood"]),
        (("note.pages.mood",), ["note.mood", "mood"]),
        (("*.mood",), ["note.pages.*.mood", "mood"]),
        (("**.mood",), []),
    ],
)
def test_a_path_excuses_the_field_that_it_leads_to_and_no_other(tmp_path, converted, named):
    record = '{"note": {"text": "hi", "mood": "dark", "pages": [{"mood": "red"}]}, "mood": "calm"}'
    assert sorted(lost(tmp_path, record, *converted)) == sorted(named)


@pytest.mark.parametrize("form", [form for form in known_formats().values() if form.converted])
def test_a_name_that_a_form_converts_is_named_where_it_stands_elsewhere(form):
    for path in form.converted:
        name = path.split(".")[-1]
        record = {"elsewhere": {"aside": {name: WORDS}}}
        names = list(passed_over([record], values_in([]), form.converted))
        anywhere = f"**.{name}" in form.converted
        assert names == ([] if anywhere else [f"elsewhere.aside.{name}"])


def test_words_in_an_attribute_that_is_json_are_looked_for():
    text = '[{"role": "user", "content": "Is a bike free?", "mood": "dark"}]'
    attribute = {"key": "gen_ai.input.messages", "value": {"stringValue": text}}
    read = [{"content": "Is a bike free?", "role": "user"}]
    kept = values_in(read)
    converted = known_formats()["otlp"].converted
    names = list(passed_over([{"span": {"attributes": [attribute]}}], kept, converted))
    assert names == ["span.attributes.*.value.stringValue.*.mood"]
