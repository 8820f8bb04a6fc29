"""A log of an outsider's, in SQLite, held to the contract that ships with the package."""

import asyncio
import inspect
import sqlite3
from dataclasses import replace

import pytest

from toolkit.events import decode_event, encode, new_event
from toolkit.sessions import Ack, Fenced, MemoryLog, Session, TableLog
from toolkit.sessions.contract import CHECKS, check_log, order_of_acknowledgement, stored_once
from toolkit.sessions.log import LogUnavailable

TABLE = "create table if not exists events (seq integer primary key autoincrement, session, json)"
READ = "select seq, json from events where session = ? order by seq"


class SqliteLog(TableLog):
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute(TABLE)

    def stored(self, session):
        rows = self.db.execute(READ, (session,)).fetchall()
        return [replace(decode_event(json), seq=seq) for seq, json in rows]

    def store(self, session, choose):
        with self.db:
            self.db.execute("begin immediate")
            rows = [(session, encode(event)) for event in choose(self.stored(session))]
            self.db.executemany("insert into events (session, json) values (?, ?)", rows)

    def names(self):
        return [name for (name,) in self.db.execute("select distinct session from events")]

    def remove(self, session):
        self.db.execute("delete from events where session = ?", (session,))

    async def close(self):
        self.db.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_an_outsiders_log_keeps_the_contract(check, tmp_path):
    await check_log(lambda: SqliteLog(tmp_path / "log.db"), [check])


async def test_sessions_live_on_an_outsiders_log(tmp_path):
    log = SqliteLog(tmp_path / "log.db")
    async with Session(log, "s").run("agent", source="simulated") as run:
        await run.write("Hello, ")
        await run.write("world")
    await log.close()
    again = SqliteLog(tmp_path / "log.db")
    assert (await Session(again, "s").conversation()).text == "Hello, world"
    await again.close()


async def test_two_connections_may_write_one_table_and_no_place_is_given_out_twice(tmp_path):
    logs = [SqliteLog(tmp_path / "log.db") for _ in range(2)]
    run = await Session(logs[0], "s").start_run("agent", source="simulated")
    acks = [await Session(log, "s").say(f"{n}") for n in range(3) for log in logs]
    assert len({ack.seq for ack in acks}) == 6
    with pytest.raises(Fenced):
        await logs[1].append(new_event("s", "run.started", "other", {}, run.id), 0)
    await run.finish()
    for log in logs:
        await log.close()


async def test_a_log_that_breaks_its_promises_is_found_out():
    class Forgetful(MemoryLog):
        async def append(self, event, fence=None):
            return Ack(replace(event, seq=1), self.durability)

    with pytest.raises(ExceptionGroup, match="1 of 1 promises are broken") as broken:
        await check_log(Forgetful, [order_of_acknowledgement])
    assert broken.value.exceptions[0].__notes__ == ["broken promise: order_of_acknowledgement"]


async def test_a_log_that_never_answers_breaks_a_promise_and_not_the_suite():
    class Silent(MemoryLog):
        async def append(self, event, fence=None):
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup, match="2 of 2 promises are broken") as broken:
        await check_log(Silent, [order_of_acknowledgement, stored_once], check_s=0.2)
    first, second = broken.value.exceptions
    assert isinstance(first, TimeoutError)
    assert first.__notes__ == [
        "it was not over after 0.2 s",
        "broken promise: order_of_acknowledgement",
    ]
    assert second.__notes__[-1] == "broken promise: stored_once"


def test_an_outsiders_log_takes_fewer_than_25_lines():
    lines = inspect.getsource(SqliteLog).splitlines()
    assert len([line for line in lines if line.strip()]) < 25


async def test_a_session_that_is_deleted_while_it_is_written_is_no_acknowledgement(tmp_path):
    class Deleted(SqliteLog):
        def store(self, session, choose):
            super().store(session, choose)
            self.remove(session)

    log = Deleted(tmp_path / "log.db")
    with pytest.raises(LogUnavailable, match="session s was deleted while message was stored"):
        await Session(log, "s").say("hello")
    await log.close()
