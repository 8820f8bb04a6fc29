"""What the Messages API would refuse in the body of a message or of a batch."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from toolkit.models.schema import schema_faults
from toolkit.models.wire import schema_of
from toolkit.records import RecordError, validate


class _Message(BaseModel, strict=True):
    role: Literal["user", "assistant"]
    content: str | list[dict[str, Any]]


class _Tool(BaseModel, strict=True):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any]
    description: str = ""


class _Body(BaseModel, strict=True):
    model: str
    max_tokens: int = Field(ge=1)
    messages: list[_Message] = Field(min_length=1)
    system: str | list[dict[str, Any]] = ""
    tools: list[_Tool] = []
    output_config: dict[Literal["format"], dict[str, Any]] | None = None
    metadata: dict[Literal["user_id"], str | None] | None = None
    stream: bool = False
    temperature: None = None  # the API has no sampling parameters any more


class _BatchItem(BaseModel, strict=True):
    custom_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    params: dict[str, Any]


class _Batch(BaseModel, strict=True):
    requests: list[_BatchItem] = Field(min_length=1, max_length=100_000)


def message_problem(body: Any) -> str | None:
    """What the API would refuse in the `body` of a message, and where; None for nothing."""
    problem = _shape_problem(_Body, body)
    if problem:
        return problem
    return next(_problems(body), None)


def batch_problem(body: Any) -> str | None:
    """What the API would refuse in the `body` of a batch. It looks at each message on its own, when
    it answers it.
    """
    problem = _shape_problem(_Batch, body)
    if problem:
        return problem
    custom_ids = [item["custom_id"] for item in body["requests"]]
    if len(set(custom_ids)) < len(custom_ids):
        return "requests: two requests have the same custom_id"
    return None


def _shape_problem(shape: type[BaseModel], body: Any) -> str | None:
    try:
        validate(shape, body)
    except RecordError as error:
        return f"{error.field or 'body'}: {error.why}"
    return None


def _problems(body: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a `body` whose fields are of the right types."""
    names = [tool["name"] for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        yield "tools: two tools have the same name"
    open_calls: list[Any] = []  # ids of the tool calls in the message before
    for number, message in enumerate(body["messages"]):
        field = f"messages.{number}"
        content = message["content"]
        if not content:
            yield f"{field}.content: must not be empty"
        blocks = content if isinstance(content, list) else []
        for block in blocks:
            if not isinstance(block.get("type"), str):
                yield f"{field}.content: each block needs a type"
        yield from _result_problems(field, blocks, open_calls)
        open_calls = _ids(blocks, "tool_use", "id")
    if message["role"] != "user":
        yield f"{field}: the last message must be the user's; prefill is not supported"
    schema = schema_of(body)
    if schema:
        for fault in schema_faults(schema):
            yield f"output_config.format.schema: {fault}"


def _result_problems(
    field: str, blocks: list[dict[str, Any]], open_calls: list[Any]
) -> Iterator[str]:
    """Where the tool results of a message do not answer the `open_calls`, each of them."""
    answered = _ids(blocks, "tool_result", "tool_use_id")
    for id_ in open_calls:
        if id_ not in answered:
            yield f"{field}: tool_use {id_!r} has no tool_result in the next user message"
    for id_ in answered:
        if id_ not in open_calls:
            yield f"{field}: tool_result {id_!r} answers no tool_use of the message before"


def _ids(blocks: list[dict[str, Any]], type_: str, key: str) -> list[Any]:
    ids = []
    for block in blocks:
        if block.get("type") == type_:
            ids.append(block.get(key))
    return ids
