"""Checks by a command: its exit code, and what it prints."""

from pathlib import Path

from toolkit.harness.checking.finding import SHOWN, Finding, as_file
from toolkit.harness.contract_checks import Command
from toolkit.harness.evidence import Grade
from toolkit.harness.sandbox import CommandResult, Sandbox, clip


async def check_command(check: Command, sandbox: Sandbox, folder: Path) -> Finding:
    """Run the command on a copy of `folder`."""
    ended = await sandbox.run(check.argv, folder, check.files, check.timeout_s)
    return command_finding(check, ended)


def command_finding(check: Command, ended: CommandResult) -> Finding:
    """How a command ended, graded."""
    grade, why = grade_command(check, ended)
    observed = {
        "exit_code": ended.exit_code,
        "stdout": clip(ended.stdout),
        "stderr": clip(ended.stderr),
        "timed_out": ended.timed_out,
        "error": ended.error,
    }
    output = as_file({"argv": check.argv, **observed})
    return Finding(grade, why, observed, {"output.json": output})


def grade_command(check: Command, ended: CommandResult) -> tuple[Grade, str]:
    """Whether a command did all that was promised, and why not.

    >>> greets = Command(("python", "hello.py"), stdout=("hello",))
    >>> grade_command(greets, CommandResult(0, "good day", "", False, 0.1))
    ('fail', "'hello' is not in its stdout")
    """
    if ended.error:
        return "unscored", f"the check could not be run: {ended.error}"
    if ended.timed_out:
        return "fail", f"no end after {check.timeout_s:g} s"
    if ended.exit_code != check.exit_code:
        return "fail", f"exit code {ended.exit_code}, and {check.exit_code} was promised"
    for text in check.stdout:
        if text not in ended.stdout:
            return "fail", f"{text!r} is not in its stdout"
    for text in check.stderr:
        if text not in ended.stderr:
            return "fail", f"{text!r} is not in its stderr"
    return "pass", SHOWN
