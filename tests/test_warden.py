"""The limits that a system refuses are left out, and do not keep the child from starting."""

import json
import subprocess
import sys

import pytest

from toolkit import warden

ON_A_MAC = """
import json, resource, runpy, subprocess, sys, threading
set_limit = resource.setrlimit
def setrlimit(name, value):
    if name == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    set_limit(name, value)
resource.setrlimit, sys.platform = setrlimit, "darwin"
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits need a POSIX system")
def test_a_child_starts_on_a_mac_which_refuses_a_limit_on_memory():
    limits = warden.Limits(memory_bytes=1 << 32, cpu_s=7)
    show = "import json, resource; print(json.dumps(resource.getrlimit(resource.RLIMIT_CPU)))"
    _, *rest = warden.command([sys.executable, "-c", show], limits)
    start = [sys.executable, "-c", ON_A_MAC, *rest[rest.index(warden.__file__) :]]
    with subprocess.Popen(
        start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.wait(30)
        assert process.returncode == 0, process.stderr.read()
        assert json.loads(process.stdout.read()) == [7, 7]
