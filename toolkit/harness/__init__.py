"""Planner, Generator, Evaluator: does it hold together for hours?

`Planner`, `Generator` and `Evaluator` are three clean contexts that meet in files. The contract is
a `Contract` of `Criterion`s, each with a check that shows it: a `Command`, an `Exchange` over HTTP,
a `Browse` in Chromium, a `StateCheck` of a database, or a rubric, `Judged` by the Evaluator. It is
frozen by its hash once both sides have signed. Hand-offs and all other state live in a `Workspace`.

`Harness` runs the loop within a `Budget`, on a session, and ends in an `Outcome`: one `Feature` a
sprint, each with a contract of its own. Further `Role`s are data: they may write and object, and
pass nothing. The `Context` of a role begins clean at each turn, unless it says otherwise.

What is built is judged by what was run, and what was seen is kept as `Evidence`: no word of a role
makes a red check green. Checks run in a `Sandbox`: a copy of the build with loopback alone, no home
and no key, where bubblewrap or `unshare` runs; where neither does they are refused, unless
``unsafe=True``. It does not hold against a fault in the kernel (.github/SECURITY.md).

>>> says_hello = Command(("python", "hello.py"), stdout=("hello",))
>>> greets = Criterion("greets", "It greets.", says_hello)
>>> contract = Contract("A greeting.", (greets,)).sign("generator").sign("evaluator")
>>> try:
...     read_contract(contract.to_json().replace("hello.py", "easier.py"))
... except ContractEdited:
...     print("edited after both signed")
edited after both signed
"""

from toolkit.harness.answers import Feature, HandOff, Notes, RoleAnswer
from toolkit.harness.budget import Budget, RoleTotals
from toolkit.harness.checking import check_criterion
from toolkit.harness.context import Context
from toolkit.harness.contract import (
    Contract,
    ContractEdited,
    ContractError,
    Criterion,
    Serve,
    propose_contract,
    read_contract,
)
from toolkit.harness.contract_checks import (
    Browse,
    Command,
    Exchange,
    HttpRequest,
    Judged,
    RowChange,
    StateCheck,
    Step,
    Value,
)
from toolkit.harness.demo import demo_harness, run_demo
from toolkit.harness.evidence import CheckResult, Evidence, EvidenceFolder
from toolkit.harness.experiments import ablate, calibrate
from toolkit.harness.loop import Harness
from toolkit.harness.outcome import MANAGED_AGENTS, Outcome
from toolkit.harness.roles import Evaluator, Generator, Planner, Role, Task
from toolkit.harness.sandbox import Sandbox, SandboxUnavailable, TextFile, WorkspaceError
from toolkit.harness.verify import (
    CriterionVerdict,
    Word,
    all_pass,
    decide_verdicts,
    green_before,
    weighted_score,
)
from toolkit.harness.workspace import Workspace

__all__ = [
    "MANAGED_AGENTS",
    "Browse",
    "Budget",
    "CheckResult",
    "Command",
    "Context",
    "Contract",
    "ContractEdited",
    "ContractError",
    "Criterion",
    "CriterionVerdict",
    "Evaluator",
    "Evidence",
    "EvidenceFolder",
    "Exchange",
    "Feature",
    "Generator",
    "HandOff",
    "Harness",
    "HttpRequest",
    "Judged",
    "Notes",
    "Outcome",
    "Planner",
    "Role",
    "RoleAnswer",
    "RoleTotals",
    "RowChange",
    "Sandbox",
    "SandboxUnavailable",
    "Serve",
    "StateCheck",
    "Step",
    "Task",
    "TextFile",
    "Value",
    "Word",
    "Workspace",
    "WorkspaceError",
    "ablate",
    "all_pass",
    "calibrate",
    "check_criterion",
    "decide_verdicts",
    "demo_harness",
    "green_before",
    "propose_contract",
    "read_contract",
    "run_demo",
    "weighted_score",
]
