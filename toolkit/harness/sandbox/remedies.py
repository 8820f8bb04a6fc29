"""Remedies: what to do on a machine where no sandbox runs."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

UNSAFE = "Sandbox.best(unsafe=True) runs without one: as you, with your files and your network."
APPARMOR = (
    "AppArmor keeps programs from making user namespaces here, as on Ubuntu 24.04: give bwrap a "
    "profile (/etc/apparmor.d/bwrap, with `userns,` in it, then `sudo systemctl reload apparmor`), "
    "or allow them to all: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
)
SWITCHED_OFF = (
    "User namespaces are switched off here: `sudo sysctl user.max_user_namespaces=10000`, and "
    "`sudo sysctl kernel.unprivileged_userns_clone=1` where there is such a setting."
)
CONTAINER = (
    "This is a container without the right to make namespaces: start it with "
    "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, as root also with "
    "`--cap-add SYS_ADMIN --security-opt systempaths=unconfined`, or run in a machine of its own."
)
NOT_LINUX = "It needs Linux: run in a virtual machine or a container with Linux."
INSTALL = "Install bubblewrap (`apt install bubblewrap`, `dnf install bubblewrap`)."


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides whether a sandbox can run."""

    platform: str
    has_bwrap: bool
    is_container: bool
    apparmor_restricts: bool
    namespaces_off: bool

    @classmethod
    def this(cls) -> "Machine":
        """The machine that this runs on."""
        return cls(
            platform=sys.platform,
            has_bwrap=shutil.which("bwrap") is not None,
            is_container=_is_container(),
            apparmor_restricts=_setting("kernel/apparmor_restrict_unprivileged_userns") == "1",
            namespaces_off="0"
            in (_setting("user/max_user_namespaces"), _setting("kernel/unprivileged_userns_clone")),
        )


def remedy(machine: Machine) -> str:
    """What to do on `machine`, in a few sentences."""
    advice = INSTALL
    if machine.platform != "linux":
        advice = NOT_LINUX
    elif machine.namespaces_off:
        advice = SWITCHED_OFF
    elif machine.is_container:
        advice = CONTAINER
    elif machine.apparmor_restricts:
        advice = APPARMOR
    elif machine.has_bwrap:
        advice = "Neither bwrap nor unshare can make namespaces here: ask whoever runs the machine."
    return f"no sandbox runs on this machine. {advice} {UNSAFE}"


def _setting(name: str) -> str:
    path = Path("/proc/sys") / name
    return path.read_text().strip() if path.exists() else ""


def _is_container() -> bool:
    marks = "/.dockerenv", "/run/.containerenv"
    return "container" in os.environ or any(Path(mark).exists() for mark in marks)
