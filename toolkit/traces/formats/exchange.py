"""An exchange with a model: a request and its response, beside each other or one in the other."""

from typing import Any

from toolkit.traces.fields import fields_of, objects_of, without
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript

REQUESTS = ("request", "body", "full_request")
RESPONSES = ("response", "full_response")
ENVELOPE = (*REQUESTS, *RESPONSES, "id", "custom_id", "key")
"""The fields of a record that come apart, or that become its id."""


def first_record(record: Record) -> Record:
    """The first of the records that are read together, or the record by itself."""
    records = objects_of(record.get("records"))
    return records[0] if records else record


def request_of(record: Record) -> Record:
    """The request in a record, or the record, which is then one."""
    for name in REQUESTS:
        request = record.get(name)
        if isinstance(request, dict):
            return request
    return record


def response_of(record: Record) -> Any:
    """The response in a record; its body, in a line of a batch."""
    for name in RESPONSES:
        response = record.get(name)
        if isinstance(response, dict) and "status_code" in response:
            return without(response, "body") | fields_of(response.get("body"))
        if response:
            return response
    return None


def is_batch_line(record: Record) -> bool:
    """Whether it is a line of a batch of OpenAI's: a request to a URL, or the answer to one."""
    if "custom_id" not in record:
        return False
    response = record.get("response")
    if isinstance(record.get("body"), dict) and "url" in record:
        return True
    if isinstance(response, dict):
        return "status_code" in response
    return "result" not in record and isinstance(record.get("error"), dict)


def add_error(transcript: Transcript, *owners: Any) -> None:
    """Append what went wrong, where one of a record and its response says so."""
    for owner in owners:
        error = owner.get("error") if isinstance(owner, dict) else None
        if error:
            message = error.get("message") if isinstance(error, dict) else None
            transcript.add("error", "assistant", str(message or error), {"error": error})
            return


def rest_of(record: Record, used: tuple[str, ...], reply: tuple[str, ...]) -> dict[str, Any]:
    """What an exchange says beside its messages: meta.

    Parameters
    ----------
    record
        It. The rest of a response that stands in it keeps the name ``response``.
    used
        The fields of a record, or of its request, that became steps.
    reply
        Those of its response.
    """
    request = request_of(record)
    response = response_of(record)
    rest = without(record, *ENVELOPE, *used, *reply)
    if request is not record:
        rest = {**without(request, *used), **rest}
    if "custom_id" in record:
        rest["id"] = record.get("id")
    if isinstance(response, dict):
        rest["response"] = without(response, *reply)
    models = [owner.get("model") for owner in (response, request) if isinstance(owner, dict)]
    rest["model"] = next((model for model in models if model), None)
    return {name: value for name, value in rest.items() if value not in (None, {}, [])}
