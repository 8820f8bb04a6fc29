"""The rows of OpenAI's hosted Evals become cases: of an eval, its output items, or its files.

A python grader in an export is kept as text, and never run.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.records import fingerprint
from toolkit.traces.ids import id_text

OUTPUT_ITEM = "eval.run.output_item"
MARKS = ('"testing_criteria"', OUTPUT_ITEM, '"item"')
"""One of these stands in each export."""
REFERENCE = re.compile(r"\{\{\s*item\.(\w+)\s*\}\}")
"""How a template of an eval names a field of a row."""
Fields = dict[str, Any]
"""The fields of a case."""


def exported_cases(text: str) -> Iterator[Fields] | None:
    """The fields of the cases in an export of OpenAI's Evals; None where `text` is none.

    Of a row that the model answered, the input is the list of the user's messages, as of any case;
    of another row it is the row itself. What the graders compare with is what is expected.
    """
    if not any(mark in text for mark in MARKS):
        return None
    records = _records(text)
    if not records:
        return None
    first = records[0]
    if isinstance(first.get("eval"), dict) and "testing_criteria" in first["eval"]:
        return _cases_of_eval(first)
    if first.get("object") == OUTPUT_ITEM:
        return _cases_of_items(records, {})
    if first.keys() <= {"item", "sample"} and isinstance(first.get("item"), dict):
        return _cases_of_rows(records, {}, {})
    return None


def _records(text: str) -> list[Fields]:
    """The objects in a text: one document, or one a line."""
    for documents in ([text], text.split("\n")):
        values = []
        try:
            for document in documents:
                if document.strip():
                    values.append(json.loads(document))
        except (ValueError, RecursionError):
            continue
        if len(_objects(values)) == len(values):
            return values
    return []


def _cases_of_eval(export: Fields) -> Iterator[Fields]:
    """A case for each row of an eval; where it has none listed, for each row that was answered."""
    items: list[Fields] = []
    for run in _objects(export.get("runs")):
        items += _objects(run.get("output_items"))
    rows = _objects(export.get("rows"))
    if not rows:
        return _cases_of_items(items, export["eval"])
    asked: dict[str, list[str]] = {}
    for item in items:
        words = _user_words(item)
        if words:
            asked.setdefault(fingerprint(item.get("datasource_item")), words)
    return _cases_of_rows(rows, export["eval"], asked)


def _cases_of_items(items: list[Fields], eval_: Fields) -> Iterator[Fields]:
    """A case for each row that stands in an output item, once for all of its runs."""
    rows: dict[str, Fields] = {}
    asked: dict[str, list[str]] = {}
    for item in items:
        row = item.get("datasource_item")
        if not isinstance(row, dict):
            continue
        key = fingerprint(row)
        if key not in rows:
            rows[key] = {"id": item.get("datasource_item_id"), "item": row}
            asked[key] = _user_words(item)
    return _cases_of_rows(list(rows.values()), eval_, asked)


def _cases_of_rows(
    rows: list[Fields], eval_: Fields, asked: Mapping[str, list[str]]
) -> Iterator[Fields]:
    """A case for each row, with what its eval says and what the model was `asked`."""
    eval_id = eval_.get("id") or "row"
    for number, row in enumerate(rows):
        item = row.get("item", row)
        row_id = id_text(row.get("id")) or str(number)
        words = asked.get(fingerprint(item))
        meta: Fields = {"item": item}
        if eval_:
            meta["eval"] = {"id": eval_.get("id"), "name": eval_.get("name")}
            meta["testing_criteria"] = eval_["testing_criteria"]
        yield {
            "id": f"{eval_id}-{row_id}",
            "input": words or item,
            "expected": _expected(item, eval_),
            "meta": meta,
        }


def _user_words(item: Fields) -> list[str]:
    """What the user says in the input that an output answers."""
    words: list[str] = []
    sample = item.get("sample")
    if not isinstance(sample, dict):
        return words
    for message in _objects(sample.get("input")):
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            words.append(content)
    return words


def _expected(item: Any, eval_: Fields) -> Any:
    """What the graders compare an output with: the value of a field, or several by their names."""
    names: list[str] = []
    for criterion in _objects(eval_.get("testing_criteria")):
        reference = str(criterion.get("reference", ""))
        names += REFERENCE.findall(reference)
    expected: Fields = {}
    if isinstance(item, dict):
        for name in names:
            if name in item:
                expected[name] = item[name]
    if len(expected) > 1:
        return expected
    return next(iter(expected.values()), None)


def _objects(value: Any) -> list[Fields]:
    """The objects in a list; none where it is no list."""
    if not isinstance(value, list):
        return []
    return [element for element in value if isinstance(element, dict)]
