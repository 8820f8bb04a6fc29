"""A log of an outsider's, in SQLite, held to the contract that ships with the package."""

import asyncio
import inspect
import sqlite3
from dataclasses import replace

import pytest

from toolkit.events import decode_event, encode
from toolkit.sessions import Ack, Fenced, MemoryLog, Session
from toolkit.sessions.contract import check_log, order_of_acknowledgement
from toolkit.sessions.log import FENCES, Log, check_cursor, checked, is_on

TABLE = "create table if not exists events (seq integer primary key autoincrement, session, json)"


class SqliteLog(Log):
    durability, reachable, max_event_bytes = "os", True, 1 << 20

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute(TABLE)

    def stored(self, session):
        rows = self.db.execute("select seq, json from events where session = ?", (session,))
        return [replace(decode_event(json), seq=seq) for seq, json in rows]

    def store(self, event, fence):
        by_id = {known.id: known for known in self.stored(event.session)}
        if event.id in by_id:
            return Ack(by_id[event.id], self.durability, duplicate=True)
        of_run = [known for known in by_id.values() if known.run == event.run]
        if fence not in (None, max((e.seq for e in of_run if e.kind in FENCES), default=0)):
            raise Fenced(f"run {event.run} is another agent's")
        row = (event.session, encode(event))
        cursor = self.db.execute("insert into events (session, json) values (?, ?)", row)
        return Ack(replace(event, seq=cursor.lastrowid), self.durability)

    async def append_all(self, events, fence=None):
        ready = [checked(event, self.max_event_bytes) for event in events]
        with self.db:
            return [self.store(event, fence) for event in ready]

    async def read(self, session, after=0, follow=True, lane="log", run=None):
        while True:
            events = self.stored(session)
            check_cursor(session, events, after, lane)
            for event in events:
                if event.seq > after and is_on(event, lane, run):
                    yield event
                    after = event.seq
            if not follow:
                return
            await asyncio.sleep(0.01)

    async def sessions(self, prefix=""):
        rows = self.db.execute("select distinct session from events order by session")
        return [name for (name,) in rows if name.startswith(prefix)]

    async def delete(self, session):
        with self.db:
            self.db.execute("delete from events where session = ?", (session,))


async def test_an_outsiders_log_keeps_the_contract():
    logs = []

    def make_log():
        logs.append(SqliteLog(":memory:"))
        return logs[-1]

    await check_log(make_log)
    for log in logs:
        log.db.close()


async def test_sessions_live_on_an_outsiders_log(tmp_path):
    log = SqliteLog(tmp_path / "log.db")
    async with Session(log, "s").run("agent", source="simulated") as run:
        await run.write("Hello, ")
        await run.write("world")
    log.db.close()
    again = SqliteLog(tmp_path / "log.db")
    assert (await Session(again, "s").conversation()).text == "Hello, world"
    again.db.close()


async def test_a_log_that_breaks_its_promises_is_found_out():
    class Forgetful(MemoryLog):
        async def append(self, event, fence=None):
            return Ack(replace(event, seq=1), self.durability)

    with pytest.raises(ExceptionGroup, match="1 of 1 promises are broken") as broken:
        await check_log(Forgetful, [order_of_acknowledgement])
    assert broken.value.exceptions[0].__notes__ == ["broken promise: order_of_acknowledgement"]


def test_an_outsiders_log_takes_fewer_than_forty_lines():
    lines = inspect.getsource(SqliteLog).splitlines()
    assert len([line for line in lines if line.strip()]) < 40
