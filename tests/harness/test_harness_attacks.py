"""What a hostile build may try is contained, between either kind of walls, long before the timeout."""

import asyncio
import json
import signal
import socket
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from toolkit.harness import Sandbox, TextFile
from toolkit.harness.sandbox import INSIDE
from toolkit.harness.sandbox.view import PYTHON
from toolkit.harness.sandbox.walls import DISK_BYTES

pytestmark = pytest.mark.sandbox
TIMEOUT_S = 20.0
SECRET = "the-secret-of-this-test"

NETWORK = """
import json, socket, sys
port = int(sys.argv[1])
targets = [("tcp", "127.0.0.1", port), ("tcp", sys.argv[2], port), ("tcp", "1.1.1.1", 443),
           ("udp", "1.1.1.1", 53), ("udp", "255.255.255.255", 9), ("abstract", sys.argv[3], 0)]
reached = []
for kind, address, number in targets:
    family = socket.AF_UNIX if kind == "abstract" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as s:
        s.settimeout(2)
        try:
            s.connect("\\0" + address if kind == "abstract" else (address, number))
            s.send(b"x")
            reached.append([kind, address])
        except OSError:
            pass
try:
    reached.append(socket.getaddrinfo("example.com", 80))
except OSError:
    pass
print(json.dumps([reached, [name for _, name in socket.if_nameindex()]]))
"""
FORK_BOMB = """
import os, sys, time
started = 0
try:
    while True:
        if os.fork() == 0:
            os.execv("/bin/sleep", [sys.argv[1], "600"])
        started += 1
except OSError as error:
    print(started, error)
"""
MEMORY_SHARED = """
import os, time
held = b"x" * (500 << 20)
for _ in range(5):
    if os.fork() == 0:
        time.sleep(600)
time.sleep(1)  # ten looks at the memory
print("alive")
"""
MEMORY_OF_MANY = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = b"x" * (500 << 20)
        time.sleep(600)
time.sleep(600)
"""
DISK_FILL = """
import json, os
filled = {}
for top, folders, _ in os.walk("/"):
    if top.startswith("/proc"):
        folders.clear()
        continue
    number = 0
    try:
        while True:
            with open(f"{top}/fill-{number}", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 8 << 20)
            number += 1
    except OSError:
        pass
    if number:
        filled[top] = number * (8 << 20)
print(json.dumps(filled))
"""
SEARCH = """
import json, os, sys
skipped = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/dev", "/etc/fonts",
           "/etc/alternatives", "/etc/chromium", "/etc/chromium.d", *sys.argv[2:]}
seen = []
for top, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in skipped]
    seen += [os.path.join(top, name) for name in files]
leaks = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try:
            text = open(f"/proc/{pid}/{name}", "rb").read()
        except OSError:
            continue
        if sys.argv[1].encode() in text and int(pid) != os.getpid():
            leaks.append([pid, name])
print(json.dumps({"files": seen, "leaks": leaks, "key": os.environ.get("ANTHROPIC_API_KEY")}))
"""
ORPHAN = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", [sys.argv[1], "600"])
    os._exit(0)
os.wait()
print("done")
"""
LINKS = """
import os
for name in ("file", "folder/secret"):
    try:
        print("read", open(name).read())
    except OSError as error:
        print(error.strerror)
    try:
        open(name, "w").write("spoilt")
        print("written")
    except OSError as error:
        print(error.strerror)
"""
FORGERY = """
import ctypes, os, signal
for signal_number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
    try:
        os.kill(1, signal_number)
    except OSError:
        pass
for name in ("fd/0", "mem", "environ"):
    try:
        open(f"/proc/1/{name}", "r+b" if name == "mem" else "rb").close()
        print("opened", name)
    except OSError:
        pass
PTRACE_ATTACH = 16
if ctypes.CDLL(None).ptrace(PTRACE_ATTACH, 1, 0, 0) == 0:
    print("attached")
raise SystemExit(3)
"""
PRIVILEGES = """
import os, subprocess
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
print(os.getuid(), os.getgid(), os.getgroups(), int(status["CapEff"], 16), status["NoNewPrivs"])
for command in ("mount -o remount,rw,bind /usr && touch /usr/x", "echo x > /proc/sys/kernel/core_pattern"):
    print(subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True).returncode != 0)
"""
PYTHON_INSIDE = """
import ctypes, json, os, site, sqlite3, ssl, sys
folders = [path for path in sys.path + site.getsitepackages() if path.endswith("-packages")]
packages = [name for path in folders if os.path.isdir(path) for name in os.listdir(path)]
print(json.dumps([sys.version, packages]))
"""


@pytest.fixture(params=["bwrap", "unshare"])
def attack(request, tmp_path):
    """Runs the text of a hostile program; it is over within twice the timeout, and so is the box."""
    folder = tmp_path / "build"
    folder.mkdir()

    async def run(text, *arguments, limits=None):
        (folder / "attack.py").write_text(text)
        begun = time.monotonic()
        command = ["python", "attack.py", *map(str, arguments)]
        result = await Sandbox(request.param).run(command, folder, (), TIMEOUT_S, limits)
        assert time.monotonic() - begun < 2 * TIMEOUT_S
        assert not result.timed_out
        return result

    return run


def carriers(mark):
    return [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]


async def test_no_way_leads_out_of_the_network(attack):
    name = f"fieldbook-{uuid.uuid4().hex}"
    addresses = psutil.net_if_addrs().values()
    ipv4 = [a.address for group in addresses for a in group if a.family == socket.AF_INET]
    with (
        socket.create_server(("0.0.0.0", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind("\0" + name)
        abstract.listen()
        result = await attack(NETWORK, server.getsockname()[1], ipv4[-1], name)
    reached, interfaces = json.loads(result.stdout)
    assert reached == []
    assert interfaces == ["lo"]


async def test_a_fork_bomb_meets_the_limit_of_the_box_and_is_gone_with_it(attack):
    mark = uuid.uuid4().hex
    result = await attack(FORK_BOMB, mark)
    started = int(result.stdout.split()[0])
    assert 100 < started < 256
    assert carriers(mark) == []


async def test_two_fork_bombs_do_not_take_each_other_their_processes(attack):
    few = INSIDE._replace(processes=40)
    bombs = [attack(FORK_BOMB, uuid.uuid4().hex, limits=few) for _ in range(2)]
    for result in await asyncio.gather(*bombs):
        assert result.stdout, result
        assert 30 < int(result.stdout.split()[0]) < 40


async def test_a_gigabyte_is_refused(attack):
    result = await attack("x = bytearray(1 << 30)")
    assert result.exit_code == 1
    assert "MemoryError" in result.stderr


async def test_many_processes_together_do_not_get_more_memory_than_the_box_may_hold(attack):
    result = await attack(MEMORY_OF_MANY)
    assert result.exit_code == 128 + signal.SIGKILL


async def test_memory_that_many_processes_share_counts_once(attack):
    result = await attack(MEMORY_SHARED)
    assert result.stdout == "alive\n", result


async def test_the_disk_cannot_be_filled(attack):
    result = await attack(DISK_FILL)
    filled = json.loads(result.stdout)
    assert set(filled) == {"/build", "/tmp", "/dev/shm"}
    assert max(filled.values()) <= DISK_BYTES


async def test_no_key_and_no_file_but_what_was_given_can_be_read(attack, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    base = Path(PYTHON).parents[1]
    result = await attack(SEARCH, SECRET, base / "bin", base / "lib", base / "lib64")
    found = json.loads(result.stdout)
    assert found["key"] is None
    assert found["leaks"] == []
    assert set(found["files"]) <= {
        "/build/attack.py",
        "/etc/group",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/passwd",
    }
    assert "/build/attack.py" in found["files"]


async def test_python_inside_is_the_running_one_with_its_standard_library_alone(attack):
    result = await attack(PYTHON_INSIDE)
    version, packages = json.loads(result.stdout)
    assert version == sys.version
    assert packages == []


async def test_an_orphan_in_a_session_of_its_own_that_holds_stdout_is_dead_after_the_run(attack):
    mark = uuid.uuid4().hex
    result = await attack(ORPHAN, mark)
    assert (result.exit_code, result.stdout) == (0, "done\n")
    assert carriers(mark) == []


async def test_a_link_out_of_the_build_leads_nowhere(attack, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    (tmp_path / "build/file").symlink_to(outside / "secret")
    (tmp_path / "build/folder").symlink_to(outside)
    result = await attack(LINKS)
    assert SECRET not in result.stdout
    assert "written" not in result.stdout
    assert (outside / "secret").read_text() == SECRET


@pytest.mark.parametrize("kind", ["bwrap", "unshare"])
async def test_a_file_that_a_link_would_carry_out_of_the_build_is_refused(tmp_path, kind):
    build = tmp_path / "build"
    build.mkdir()
    (build / "folder").symlink_to(tmp_path)
    result = await Sandbox(kind).run(["true"], build, [TextFile("folder/x", "")])
    assert result.exit_code is None
    assert "refused" in result.error
    assert not (tmp_path / "x").exists()


async def test_the_program_that_answers_for_a_command_can_be_neither_killed_nor_fed(attack):
    result = await attack(FORGERY)
    assert (result.exit_code, result.stdout) == (3, "")


async def test_a_command_is_nobody_and_cannot_become_more(attack):
    result = await attack(PRIVILEGES)
    privileges, *refused = result.stdout.splitlines()
    assert privileges in ("65534 65534 [65534] 0 1", "65534 65534 [] 0 1")
    assert refused == ["True", "True"]
    assert not Path("/usr/x").exists()
