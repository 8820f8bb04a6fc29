"""Both logs, so that one contract suite holds them to the same promises."""

from collections.abc import AsyncIterator

import pytest

from toolkit.sessions import Log, MemoryLog, NatsLog, NatsServer


@pytest.fixture
async def server(tmp_path) -> AsyncIterator[NatsServer]:
    async with NatsServer(store=tmp_path / "store") as running:
        yield running


@pytest.fixture(params=["memory", "file", pytest.param("nats", marks=pytest.mark.nats)])
async def log(request, tmp_path) -> AsyncIterator[Log]:
    if request.param == "nats":
        async with (
            NatsServer(store=tmp_path / "store") as running,
            await NatsLog.connect(running.url) as nats_log,
        ):
            yield nats_log
    else:
        yield MemoryLog(tmp_path / "log.jsonl" if request.param == "file" else None)
