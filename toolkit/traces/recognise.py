"""Which form is a record of? The answer comes from its content alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from toolkit.traces.dialects import CONTENTS
from toolkit.traces.formats import Format, decoded_cell
from toolkit.traces.formats.form import names_in
from toolkit.traces.ids import Record
from toolkit.traces.kinds import kind_of
from toolkit.traces.messages import is_message
from toolkit.traces.scan import LOOKED_AT, RawRecord

Formats = Mapping[str, Format]
Reading = tuple[RawRecord, Format | None]
"""A record, and the form that it is read in; None where it is of no known form."""
Candidate = tuple[Format, frozenset[str] | None]
"""A form that a record may be of, and the names of which one of its messages then has one; None
where that says nothing."""
MOST_LOOKED_AT = 20_000
MOST_SHAPES = 10_000
"""How many sets of fields are remembered."""
WRAPPERS = (
    "data rows traces results records items samples entries examples sessions conversations runs "
    "logs messages"
).split()
"""The fields of a document that may hold its records."""
WORD_FIELDS = frozenset(CONTENTS) | frozenset(
    "contents parts kwargs data tool_calls toolCalls function_call functionCall "
    "toolInvocations refusal".split()
)
"""The fields of which a message has at least one."""
BAD_RECORD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What a form may raise on a record that another program wrote."""


class Recogniser:
    """The forms, in the order in which they are tried."""

    def __init__(self, formats: Formats):
        self.formats = list(formats.values())
        self._by_names: dict[tuple[str, ...], list[Candidate]] = {}
        """The forms that may have records of these fields: most records of a file have the same."""

    def form_of(self, record: object) -> Format | None:
        """The first form that `record` fits."""
        if not isinstance(record, dict):
            return None
        names = tuple(record)
        candidates = self._by_names.get(names)
        if candidates is None:
            candidates = self._candidates(record.keys())
            if len(self._by_names) < MOST_SHAPES:
                self._by_names[names] = candidates
        names_of_messages = names_in(record.get("messages"))
        for form, signs in candidates:
            if signs and names_of_messages and signs.isdisjoint(names_of_messages):
                continue
            if fits(form, record):
                return form
        return None

    def _candidates(self, names: Set[str]) -> list[Candidate]:
        """The forms that may have records of these fields."""
        candidates: list[Candidate] = []
        for form in self.formats:
            if names.isdisjoint(form.fields):
                continue
            is_told = form.signs is not None and names.isdisjoint(form.signs.record)
            candidates.append((form, form.signs.messages if form.signs and is_told else None))
        return candidates

    def readings(self, record: RawRecord, note: Callable[[str], None]) -> Iterator[Reading]:
        """A record in the form that it fits, or the records inside of it in theirs.

        Parameters
        ----------
        record
            As it stands in the file.
        note
            What is told where records are taken out of another one.
        """
        format_ = self.form_of(record.value)
        if format_ or record.error:
            yield record, format_
            return
        chat = as_chat(record.value)
        format_ = self.form_of(chat)
        if format_:
            yield replace(record, value=chat), format_
            return
        wrapper = self.wrapper_of(record.value)
        if wrapper is None:
            yield record, None
            return
        others = [name for name in record.value if name != wrapper]
        beside = f"; beside it stood {', '.join(others)}" if others else ""
        note(f"the records stand in the field {wrapper} of record {record.number}{beside}")
        for number, element in enumerate(record.value[wrapper], 1):
            value = as_chat(element)
            yield replace(record, number=number, value=value), self.form_of(value)

    def all_readings(
        self, first: list[RawRecord], rest: Iterable[RawRecord], note: Callable[[str], None]
    ) -> Iterator[Reading]:
        """Each record in its form.

        One of no form goes to that whose traces take several records, where there is one: it may
        stand between those of a trace, as a line about the session does.
        """
        gathering = self.gathering_form(first)
        for record in chain(first, rest):
            for reading, form in self.readings(record, note):
                yield reading, form or gathering

    def wrapper_of(self, record: object) -> str | None:
        """The field that holds the records of a document, where one of the first fits a form."""
        if not isinstance(record, dict):
            return None
        for name in WRAPPERS:
            elements = record.get(name)
            if not isinstance(elements, list):
                continue
            if any(self.form_of(as_chat(element)) for element in elements[:LOOKED_AT]):
                return name
        return None

    def gathering_form(self, first: Iterable[RawRecord]) -> Format | None:
        """The form of the most of the first records, where its traces take several records each."""
        forms: dict[str, Format] = {}
        votes: Counter[str] = Counter()
        for record in first:
            form = self.form_of(record.value)
            if form:
                forms[form.name] = form
                votes[form.name] += 1
        for name, _ in votes.most_common(1):
            if forms[name].group:
                return forms[name]
        return None

    def can_read(self, record: object) -> bool:
        """Whether a record fits a form, or holds records that do."""
        fitting = self.form_of(record) or self.form_of(as_chat(record))
        return fitting is not None or self.wrapper_of(record) is not None

    def can_begin_with(self, record: Record) -> bool:
        """Whether a record can be read, also as a message of a conversation."""
        return self.can_read(record) or self.is_message(record)

    def is_message(self, record: object) -> bool:
        """Whether a record is a message by itself, and of no form."""
        return _is_message(record) and self.form_of(record) is None


def fits(format_: Format, record: Record) -> bool:
    """Whether a record with a field of a form is of it; where the form cannot tell, it is not."""
    try:
        return format_.knows is None or format_.knows(record)
    except BAD_RECORD:
        return False


def as_chat(record: object) -> object:
    """A record with its only list of messages under ``messages``, whatever it is called.

    The list may stand there as JSON text. A record without one is as it was.

    >>> as_chat({"id": 7, "talk": '[{"role": "user", "content": "hi"}]'})
    {'id': 7, 'messages': [{'role': 'user', 'content': 'hi'}]}
    """
    if isinstance(record, list):
        return {"messages": record} if _are_messages(record) else record
    if not isinstance(record, dict):
        return record
    lists: dict[str, Any] = {}
    for name, value in record.items():
        decoded = decoded_cell(value)
        if _are_messages(decoded):
            lists[name] = decoded
    if len(lists) != 1:
        return record
    [(name, messages)] = lists.items()
    if name != "messages" and "messages" in record:
        return record
    others = {key: value for key, value in record.items() if key != name}
    return {**others, "messages": messages}


def _are_messages(value: object) -> bool:
    """Whether a list is one of messages: each says who speaks, and one of them says something."""
    if not isinstance(value, list) or not value:
        return False
    first = value[:LOOKED_AT]
    return all(map(_is_message, first)) and any(_has_words(message) for message in first)


def _has_words(message: dict[str, Any]) -> bool:
    """Whether a message has a content, or is a call or a result by itself."""
    return not WORD_FIELDS.isdisjoint(message) or kind_of(message) != "words"


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and is_message(value)


def beginning(records: Iterator[RawRecord]) -> list[RawRecord]:
    """The first records: as many as tell whether the form is known."""
    first: list[RawRecord] = []
    n_readable = 0
    for record in islice(records, MOST_LOOKED_AT):
        first.append(record)
        n_readable += not record.error
        if n_readable == LOOKED_AT:
            break
    return first


def are_messages(first: Iterable[RawRecord], recogniser: Recogniser) -> bool:
    """Whether most records are messages: then they are one conversation."""
    votes = [recogniser.is_message(record.value) for record in first]
    return sum(votes) > len(votes) / 2


def conversation(records: Iterable[RawRecord], recogniser: Recogniser) -> list[RawRecord]:
    """The one record that messages are together, then those that are no message, each with why."""
    messages: list[object] = []
    skipped: list[RawRecord] = []
    not_finite: list[str] = []
    for record in records:
        if recogniser.is_message(record.value):
            messages.append(record.value)
            not_finite += record.not_finite
        else:
            error = record.error or "no message: it has no role"
            skipped.append(replace(record, error=error))
    value = {"messages": messages, "messages_skipped": len(skipped)}
    if not skipped:
        del value["messages_skipped"]
    return [RawRecord(1, 1, value, not_finite=tuple(not_finite)), *skipped]
