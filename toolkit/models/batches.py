"""Message batches: the batches that a `LoopbackServer` holds, and the Reply that a result stands
for.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from toolkit.models import wire
from toolkit.models.model import DAY_S, Reply, Request, State, Stopped
from toolkit.models.script import BROKEN, Policy, answer_to, message_of
from toolkit.traces import Source

NO_RESULTS = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
UNANSWERED: dict[str, tuple[Stopped, str]] = {
    "canceled": ("error", "the batch was cancelled before this was answered"),
    "expired": ("timeout", "the batch expired before this was answered"),
}


def read_result(request: Request, model: str, source: Source, result: Any) -> tuple[Reply, State]:
    """The Reply to `request` that a batch's `result` stands for, and whether it is charged: only a
    success is.
    """
    try:
        kind = result["type"]
        if kind == "succeeded":
            message = result["message"]
            text = _text_of(message["content"])
            return wire.conclude(request, model, source, text, message), "billed"
        if kind == "errored":
            stopped: Stopped = "error"
            error = result["error"]["error"]
            why = wire.well_formed(f"{error['type']}: {error['message']}")
        else:
            stopped, why = UNANSWERED[kind]
        return Reply("", stopped, model, source, why=why), "free"
    except Exception as error:  # whatever a server may send
        why = f"the result cannot be read: {type(error).__name__}: {error}"
        return Reply("", "error", model, source, why=wire.well_formed(why)), "possibly billed"


def _text_of(content: Any) -> str:
    """The words in the content of a message."""
    text = ""
    for block in content:
        if block["type"] == "text":
            text += block["text"]
    return wire.well_formed(text)


@dataclass(eq=False)
class ServedBatch:
    """A batch on a `LoopbackServer`. It is answered when it is first looked at, if it is not
    cancelled before.
    """

    id: str
    items: list[dict[str, Any]]
    """What is asked: each with its ``custom_id`` and its ``params``."""
    status: str = "in_progress"
    results: list[dict[str, Any]] = field(default_factory=list)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def cancel(self) -> None:
        """Answer nothing of it."""
        self.status = "canceling"
        for item in self.items:
            self._add(item, {"type": "canceled"})

    def end(self, policy: Policy, errors: list[Exception]) -> None:
        """Answer by `policy` what has no result yet."""
        self.status = "ended"
        for item in self.items[len(self.results) :]:
            self._add(item, result_of(item["params"], policy, errors))

    def _add(self, item: dict[str, Any], result: dict[str, Any]) -> None:
        self.results.append({"custom_id": item["custom_id"], "result": result})

    def to_api(self, url: str) -> dict[str, Any]:
        """The batch as the API of the server at `url` shows it."""
        counts = dict(NO_RESULTS)
        results_url = None
        if self.status == "ended":
            for item in self.results:
                counts[item["result"]["type"]] += 1
            results_url = f"{url}/v1/messages/batches/{self.id}/results"
        else:
            counts["processing"] = len(self.items)
        expires_at = self.created_at + timedelta(seconds=DAY_S)
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            "request_counts": counts,
            "results_url": results_url,
            "created_at": self.created_at.isoformat(),
            "expires_at": expires_at.isoformat(),
        }


def result_of(body: Any, policy: Policy, errors: list[Exception]) -> dict[str, Any]:
    """The result in a batch that says what `policy` answers to `body`, as in `answer_to`."""
    answer = answer_to(body, policy, errors)
    if answer.fault == "hang":
        return {"type": "expired"}
    if answer.fault:
        return _errored(BROKEN)
    if answer.status >= 400:
        return _errored(answer.error)
    return {"type": "succeeded", "message": message_of(body, answer)}


def _errored(error: Any) -> dict[str, Any]:
    return {"type": "errored", "error": {"type": "error", "error": error}}
