"""A strict tape: what it does not know is an error that names the place, and no secret is ever in
its file.
"""

import asyncio
import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.models import (
    Answer,
    BudgetExceeded,
    ClaudeModel,
    Ledger,
    LoopbackServer,
    Request,
    ScriptedModel,
    Tape,
    TapeMiss,
    Usage,
    connect_model,
    wire,
)
from toolkit.models.tape import leaves
from toolkit.records import canonical

ASK = Request(
    ({"role": "user", "content": "Is my bike ready at nine?"},), metadata={"user_id": "s1"}
)
KEY = "sk-ant-" + "api03-" + "A1b2C3d4-_" * 3
CALL = {"type": "tool_use", "id": "t1", "name": "find", "input": {"a b": [1, "x"]}}
WHOLE = Request(
    (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Find\nmy bike"},
                {"type": "text", "text": "🚲 é"},
            ],
        },
        {"role": "assistant", "content": [CALL]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "B1"}],
        },
    ),
    "Be kind.",
    (
        {
            "name": "find",
            "description": "Find a booking",
            "input_schema": {"type": "object", "x.y": {}},
        },
    ),
    {"type": "object", "properties": {"verdict": {"enum": ["pass", "fail"]}}},
    512,
    {"user_id": "s1"},
)
OTHERS = [
    Request(({"role": "user", "content": text},), system, max_tokens=9)
    for text, system in ("ax", "by", "cz")
]


def policy(request):
    return (
        Answer(data={"verdict": "pass"})
        if request.schema
        else Answer("Yes, at nine.", usage=Usage(9, 5))
    )


async def recorded(path, *requests, model=None):
    tape = Tape(path, model or ScriptedModel(policy))
    for request in requests:
        await tape.reply(request)
    return Tape(path)


async def live(path, *requests):
    async with (
        LoopbackServer(policy) as server,
        ClaudeModel(
            "claude-haiku-5-5", base_url=server.url, api_key="secret-key", source="live"
        ) as model,
    ):
        return await recorded(path, *requests, model=model)


def places(value, path=""):
    """Each (path, holder, key) of a string or number within a JSON `value`."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        name = (
            f"[{key}]"
            if isinstance(value, list)
            else f".{key}"
            if key.isidentifier()
            else f'["{key}"]'
        )
        at = (path + name).removeprefix(".")
        if isinstance(part, dict | list):
            yield from places(part, at)
        elif at not in ("model", "output_config.format.type"):
            yield at, value, key


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_changed_character_anywhere_is_an_error_that_names_its_path(data):
    body = copy.deepcopy(wire.body_of(WHOLE, "claude-haiku-5-5"))
    path, holder, key = data.draw(st.sampled_from(list(places(body))))
    if isinstance(holder[key], str):
        at = data.draw(st.integers(0, len(holder[key]) - 1))
        new = data.draw(
            st.characters(exclude_categories=["Cs"], exclude_characters=holder[key][at])
        )
        holder[key] = holder[key][:at] + new + holder[key][at + 1 :]
    else:
        holder[key] += 1

    async def miss(folder):
        tape = await recorded(Path(folder) / "tape.jsonl", *OTHERS[:2], WHOLE, OTHERS[2])
        assert (await tape.reply(WHOLE)).ok
        await tape.reply(wire.request_of(body))

    with TemporaryDirectory() as folder, pytest.raises(TapeMiss) as caught:
        asyncio.run(miss(folder))
    assert caught.value.path == path
    assert f"differs first at {path}: recorded" in str(caught.value)


LEAF = st.none() | st.booleans() | st.integers(0, 3) | st.text("a.[0]", max_size=2)
NAMES = st.text("a.[0]", max_size=2)
VALUES = st.recursive(
    LEAF,
    lambda one: st.lists(one, max_size=2) | st.dictionaries(NAMES, one, max_size=2),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_two_json_values_have_the_same_leaves_only_where_they_are_the_same(one, other):
    for value in (other, json.loads(json.dumps(one))):
        assert (leaves([one]) == leaves([value])) == (canonical(one) == canonical(value))


async def test_a_miss_shows_the_place_and_says_what_to_do(tmp_path):
    tape = await recorded(tmp_path / "tape.jsonl", ASK)
    asked = Request(
        ({"role": "user", "content": "Is my bike ready at ten?"},), metadata={"user_id": "s1"}
    )
    with pytest.raises(
        TapeMiss, match=r"messages\[0\]\.content: recorded ….*at nine\?.*, asked ….*at ten\?"
    ) as caught:
        await tape.reply(asked)
    assert "tape.jsonl" in str(caught.value)
    assert "Tape(path, model)" in str(caught.value)
    with pytest.raises(TapeMiss, match=r"metadata\.user_id: recorded …"):
        await tape.reply(Request(ASK.messages, metadata={"user_id": "s2"}))
    with pytest.raises(TapeMiss, match=r"system: recorded …nothing…, asked ….*kind"):
        await tape.reply(Request(ASK.messages, "Be kind", metadata={"user_id": "s1"}))


async def test_a_live_run_is_played_back_as_tape_without_a_model_whatever_the_metadata(tmp_path):
    tape = await live(tmp_path / "tape.jsonl", ASK, WHOLE)
    replies = [
        await tape.reply(ASK),
        await tape.reply(Request(ASK.messages)),
        await tape.reply(WHOLE),
    ]
    assert [(reply.ok, reply.source) for reply in replies] == [(True, "tape")] * 3
    assert (tape.source, tape.name, tape.hits, tape.misses) == ("tape", "claude-haiku-5-5", 3, 0)
    assert "secret" not in (tmp_path / "tape.jsonl").read_text()
    with pytest.raises(TapeMiss, match="max_tokens: recorded …2048…, asked …7…"):
        await tape.reply(Request(ASK.messages, max_tokens=7, metadata={"user_id": "s1"}))


async def test_what_was_simulated_when_recorded_stays_simulated(tmp_path):
    tape = await recorded(tmp_path / "tape.jsonl", ASK)
    assert tape.source == (await tape.reply(ASK)).source == "simulated"


async def test_a_tape_without_a_model_needs_something_to_play_and_one_name(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no tape at .*record one with Tape\(path, model\)"
    ):
        Tape(tmp_path / "none.jsonl")
    (tmp_path / "none.jsonl").touch()
    with pytest.raises(
        ValueError, match=r"no model.*say name=, or record with Tape\(path, model\)"
    ):
        Tape(tmp_path / "none.jsonl")
    with pytest.raises(TapeMiss, match="the tape is empty"):
        await Tape(tmp_path / "none.jsonl", name="claude-haiku-5-5").reply(ASK)
    path = tmp_path / "tape.jsonl"
    await recorded(path, ASK)
    with pytest.raises(ValueError, match=r"claude-haiku-5-5.*claude-opus-5-5"):
        await recorded(path, ASK, model=ScriptedModel(policy, "claude-opus-5-5"))
    assert (await Tape(path, name="claude-opus-5-5").reply(ASK)).model == "claude-opus-5-5"


async def test_a_request_that_was_edited_in_the_file_is_another_request(tmp_path):
    path = tmp_path / "tape.jsonl"
    await recorded(path, ASK)
    path.write_text(path.read_text().replace("at nine?", "at noon?"))
    with pytest.raises(TapeMiss) as caught:
        await Tape(path).reply(ASK)
    assert caught.value.path == "messages[0].content"


async def test_only_what_the_tape_does_not_know_is_asked_and_each_once(tmp_path):
    path, asked = tmp_path / "tape.jsonl", []
    model = ScriptedModel(
        lambda request: asked.append(request) or Answer(request.messages[0]["content"])
    )
    tape = Tape(path, model)
    order = [OTHERS[0], OTHERS[1], OTHERS[0], OTHERS[2], OTHERS[1]]
    replies = [await tape.reply(request) for request in order]
    assert [reply.text for reply in replies] == ["a", "b", "a", "c", "b"]
    assert [request.messages[0]["content"] for request in asked] == ["a", "b", "c"]
    assert (tape.misses, tape.hits, tape.known) == (3, 2, 3)
    strict = Tape(path)
    assert [(await strict.reply(request)).text for request in OTHERS] == ["a", "b", "c"]


async def test_equal_requests_at_once_are_asked_once(tmp_path):
    async with connect_model(policy=policy) as model:
        tape = Tape(tmp_path / "tape.jsonl", model)
        async with asyncio.timeout(20):
            await asyncio.gather(*map(tape.reply, [OTHERS[1], *OTHERS, *OTHERS[::-1]]))
    assert (tape.known, tape.misses, len(model.ledger.attempts)) == (3, 3, 3)


async def test_what_is_no_result_is_not_kept(tmp_path):
    model = ScriptedModel(
        lambda request: Answer("ok", fault="close" if request.system == "y" else None)
    )
    tape = Tape(tmp_path / "tape.jsonl", model)
    assert [(await tape.reply(request)).ok for request in OTHERS] == [True, False, True]
    assert Tape(tmp_path / "tape.jsonl").known == 2


async def test_the_cap_stops_a_call_behind_a_tape(tmp_path):
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy, ledger=Ledger(0)))
    with pytest.raises(BudgetExceeded):
        await tape.reply(OTHERS[0])
    assert not (tmp_path / "tape.jsonl").exists()


@pytest.mark.parametrize("secret", [KEY, 'quo"ted\\key-of-mine', "a-key-of-another-make"])
async def test_a_request_that_holds_an_api_key_is_refused_before_it_is_asked(
    tmp_path, monkeypatch, secret
):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "unrelated" if secret == KEY else secret)
    asked = []
    tape = Tape(
        tmp_path / "tape.jsonl",
        ScriptedModel(lambda request: asked.append(request) or policy(request)),
    )
    content = [
        {"type": "text", "text": "Hello"},
        {"type": "text", "text": f"My key is {secret}, is it?"},
    ]
    for request in (
        Request(({"role": "user", "content": content},)),
        Request(ASK.messages, system=secret),
        Request(ASK.messages, metadata={"user_id": secret}),
        Request(ASK.messages, schema={"properties": {secret: {}}}),
    ):
        with pytest.raises(ValueError, match="holds an API key") as caught:
            await tape.reply(request)
        assert secret not in str(caught.value)
    assert asked == []
    assert not (tmp_path / "tape.jsonl").exists()


@pytest.mark.parametrize("answer", [Answer(f"Use {KEY}"), Answer(tools=(("call", {"key": KEY}),))])
async def test_a_reply_that_holds_an_api_key_is_given_and_not_kept(tmp_path, answer):
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(lambda request: answer))
    assert (await tape.reply(ASK)).ok
    assert (tape.known, (tmp_path / "tape.jsonl").exists()) == (0, False)


async def test_words_about_keys_and_a_short_value_of_the_variable_are_no_secret(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "e")
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    assert (
        await tape.reply(Request(({"role": "user", "content": "A key begins with sk-ant-..."},)))
    ).ok
    assert tape.known == 1
