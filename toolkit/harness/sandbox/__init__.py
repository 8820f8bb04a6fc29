"""The sandbox: a wing of its own, which imports nothing of the rest of the harness.

Code that a model wrote is run here. `Sandbox` (sandbox.py) copies a folder and opens a `Box`
(box.py) on the copy, in which commands and servers run. Around the box stand walls (walls.py):
bubblewrap, or unshare; what is seen through them is in view.py. The program between the walls
(inside.py, with mounts.py) is sent there as text. Where no walls can be put up, remedies.py says
what to do; files.py lays a model's files into a folder, and nowhere else.
"""

from toolkit.harness.sandbox.box import Box, BoxError, CommandResult, Server
from toolkit.harness.sandbox.files import TextFile, WorkspaceError, clip, lay_files
from toolkit.harness.sandbox.inside import Limits
from toolkit.harness.sandbox.sandbox import (
    BROWSER,
    INSIDE,
    KINDS,
    Sandbox,
    SandboxUnavailable,
    runs,
)
from toolkit.harness.sandbox.walls import FOLDER

__all__ = [
    "BROWSER",
    "FOLDER",
    "INSIDE",
    "KINDS",
    "Box",
    "BoxError",
    "CommandResult",
    "Limits",
    "Sandbox",
    "SandboxUnavailable",
    "Server",
    "TextFile",
    "WorkspaceError",
    "clip",
    "lay_files",
    "runs",
]
