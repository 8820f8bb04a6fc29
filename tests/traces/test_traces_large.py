"""A large document is looked at before it is decoded whole."""

import json
import tracemalloc

import pytest

from toolkit.records import RecordError
from toolkit.traces import read_traces
from toolkit.traces.large import LARGE, unknown_document

ELEMENT = {"weather": 3, "wind": {"from": "north"}}


def content_of(document: object) -> bytes:
    return json.dumps(document, indent=1).encode()


def nothing_can_be_read(_fields: dict) -> bool:
    return False


def test_of_a_document_of_no_form_no_more_than_the_first_elements_of_a_list_are_kept():
    document = {"place": {"name": "shop"}, "data": [ELEMENT] * 3000, "none": [], "last": 7}
    fields = unknown_document(content_of(document), nothing_can_be_read, large=0)
    assert fields == {**document, "data": [ELEMENT] * 1000}


def test_a_document_that_can_be_read_is_known_after_the_first_elements_of_its_list():
    lengths = []

    def can_read(fields: dict) -> bool:
        lengths.append(len(fields["data"]))
        return True

    assert unknown_document(content_of({"data": [ELEMENT] * 3000}), can_read, large=0) is None
    assert lengths == [1000]


@pytest.mark.parametrize(
    "content",
    [
        b'{"data": [1, 2',
        b'{"data": [1 2]}',
        b'{"data": [1}}',
        b'{"data": 1} {"data": 2}',
        b'{"data" 1}',
        b"{[1]: 2}",
        b"{{}: 2}",
        b"{}",
        b"[1]",
        b"",
    ],
)
def test_what_is_broken_or_no_object_is_left_to_whoever_decodes_it(content):
    assert unknown_document(content, nothing_can_be_read, large=0) is None


def test_a_large_document_of_no_form_is_refused_in_a_small_part_of_its_memory(tmp_path):
    path = tmp_path / "weather.json"
    path.write_text(json.dumps({"data": [ELEMENT] * (LARGE // 40)}))
    tracemalloc.start()
    try:
        with pytest.raises(RecordError, match="fields data"):
            read_traces(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * path.stat().st_size


def test_a_large_document_with_records_in_a_list_is_read_whole(tmp_path):
    record = {"id": "a", "messages": [{"role": "user", "content": "Is a bike free? " * 500}]}
    n_records = LARGE // 8000 + 1
    path = tmp_path / "talks.json"
    path.write_text(json.dumps({"shop": "north", "data": [record] * n_records}))
    assert len(read_traces(path)) == n_records
