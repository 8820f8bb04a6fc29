"""Checks: a criterion's command is run as a real process under limits, and verdicts follow from
what came of it.

What decides is pure, and closed at every gap: whatever is missing is not passed.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from toolkit.harness.contract import Contract, Criterion
from toolkit.harness.workspace import clip, lay_files
from toolkit.traces import Source
from toolkit.warden import NOT_STARTED, Limits, command

Finding = Literal["pass", "fail", "unscored"]
"""``unscored`` is the absence of a verdict. It is never a pass."""
Ended = Literal["complete", "failed", "cancelled", "error", "budget"]
LIMITS = Limits(cpu_s=60, memory_bytes=2 << 30, file_bytes=8 << 20, processes=4096)
KILL_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one command."""

    exit_code: int | None
    """None where it timed out or could not be started; `error` then says why not."""
    stdout: str
    stderr: str
    timed_out: bool
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one criterion in one round: the stricter of what the check shows and the
    Evaluator said.
    """

    criterion: str
    verdict: Finding
    why: str
    check: Finding
    evaluator: Finding


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a build ended."""

    outcome: Ended = "error"
    """``complete`` where all criteria passed; ``failed`` where the rounds ran out; else what
    stopped it.
    """
    why: str = ""
    rounds: int = 0
    """Rounds that were judged; the `verdicts` are those of the last."""
    contract_hash: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    cost_usd: float = 0.0
    """Of all calls of this build, those that an earlier run made included, each once."""
    model_calls: int = 0
    """Calls that this run made; the journal answered the `replayed_calls`."""
    replayed_calls: int = 0
    sources: tuple[Source, ...] = ()


async def run_check(
    argv: Sequence[str], cwd: Path, timeout_s: float = 10.0, limits: Limits = LIMITS
) -> CheckResult:
    """Run `argv` in `cwd`, at most `timeout_s` seconds. What cannot be started, or ends with 127,
    has an `error`.

    It gets an environment without your keys (``HOME`` is `cwd`), the `limits` (its outputs are
    files), and a process group of its own, which is killed at the end, at the timeout, and when
    this process dies.

    This is a fence against accidents and not a jail. It does not stop a command from reading other
    files of yours, from opening sockets, or from leaving its process group on purpose. Run only
    what you would run yourself.
    """
    program = sys.executable if argv[0] == "python" else argv[0]
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    env = {
        "PATH": path,
        "HOME": str(cwd),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    line, code, begun = command([program, *argv[1:]], limits), None, time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await asyncio.create_subprocess_exec(
            *line, stdin=asyncio.subprocess.PIPE, stdout=out, stderr=err, cwd=cwd, env=env
        )
        try:
            with contextlib.suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), timeout_s)
        finally:
            assert process.stdin
            process.stdin.close()  # the warden's sign to kill the group
            await asyncio.wait_for(process.wait(), KILL_DEADLINE_S)
        said = (os.pread(f.fileno(), os.fstat(f.fileno()).st_size, 0) for f in (out, err))
        stdout, stderr = (text.decode(errors="replace") for text in said)
    error = f"exit code {code}: {clip(stderr.strip(), 500)}" if code == NOT_STARTED else ""
    return CheckResult(
        None if error else code, stdout, stderr, code is None, time.monotonic() - begun, error
    )


async def run_criterion(criterion: Criterion, build: Path, limits: Limits = LIMITS) -> CheckResult:
    """Run the check of `criterion` in a scratch copy of `build`, so that no check alters what is
    checked.
    """
    with tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True) as made:
        scratch = Path(made).resolve() / "build"
        try:
            shutil.copytree(build, scratch, symlinks=True)
            lay_files(scratch, criterion.files)
            result = await run_check(criterion.command, scratch, criterion.timeout_s, limits)
        except (OSError, ValueError) as error:
            result = CheckResult(None, "", "", False, 0.0, str(error))
        # The scratch folder has a new name each time; equal outcomes must read equal, or no answer
        # could be reused.
        texts = {
            name: getattr(result, name).replace(str(scratch), "build")
            for name in ("stdout", "stderr", "error")
        }
        return replace(result, **texts)


def score_check(criterion: Criterion, result: CheckResult | None) -> tuple[Finding, str]:
    """Whether `result` shows that `criterion` holds, and why.

    >>> said = Criterion("hello", "It greets.", ("python", "hello.py"), stdout=("hello",))
    >>> score_check(said, CheckResult(0, "good day", "", False, 0.1))
    ('fail', "'hello' is not in its stdout")
    """
    if result is None or result.error:
        return (
            "unscored",
            f"the check could not be run: {result.error}" if result else "the check was not run",
        )
    if result.timed_out:
        return "fail", f"no end after {criterion.timeout_s:g} s"
    if result.exit_code != criterion.exit_code:
        return "fail", f"exit code {result.exit_code}, and {criterion.exit_code} was promised"
    missing = [
        f"{text!r} is not in its stdout" for text in criterion.stdout if text not in result.stdout
    ]
    missing += [
        f"{text!r} is not in its stderr" for text in criterion.stderr if text not in result.stderr
    ]
    return ("fail", missing[0]) if missing else ("pass", "the check shows it")


def green_before(contract: Contract, results: Mapping[str, CheckResult]) -> dict[str, str]:
    """Id and why of the criteria that would prove nothing: not red (or not run) before anything is
    built.
    """
    scored = {
        criterion.id: score_check(criterion, results.get(criterion.id))
        for criterion in contract.criteria
    }
    return {id: why for id, (finding, why) in scored.items() if finding != "fail"}


def decide(
    contract: Contract, results: Mapping[str, CheckResult], said: Iterable[tuple[str, Finding, str]]
) -> tuple[Verdict, ...]:
    """One verdict for each criterion, from its check and the Evaluator's words: (criterion id,
    finding, why).

    A word can turn a pass into a fail, and never the other way. What was not checked, what the
    words leave out, or of which they say two things, is unscored.
    """
    verdicts, said = [], list(said)
    for criterion in contract.criteria:
        check, shown = score_check(criterion, results.get(criterion.id))
        spoken = {finding: why for id, finding, why in said if id == criterion.id} or {
            "unscored": "no word of it"
        }
        evaluator, why = (
            spoken.popitem()
            if len(spoken) == 1
            else ("unscored", "the Evaluator contradicts itself")
        )
        verdict, why = (evaluator, why) if check == "pass" else (check, f"{shown}; {why}")
        verdicts.append(Verdict(criterion.id, verdict, why, check, evaluator))
    return tuple(verdicts)


def all_pass(contract: Contract, verdicts: Sequence[Verdict]) -> bool:
    """Whether each criterion of `contract` has exactly one verdict and it is a pass; never so with
    no criteria.
    """
    passed = sorted(verdict.criterion for verdict in verdicts if verdict.verdict == "pass")
    return (
        bool(passed)
        and len(passed) == len(verdicts)
        and passed == sorted(c.id for c in contract.criteria)
    )
