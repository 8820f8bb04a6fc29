"""Criteria: each kind of check is run in its way, and what it shows is kept as evidence."""

import time
from pathlib import Path

from toolkit.harness.checking.app import AppError, open_app
from toolkit.harness.checking.browsing import check_browse, missing_for_browser, with_browser
from toolkit.harness.checking.commands import check_command
from toolkit.harness.checking.exchanges import check_exchange
from toolkit.harness.checking.finding import Finding, unscored
from toolkit.harness.checking.states import check_state
from toolkit.harness.contract import Contract, Criterion
from toolkit.harness.contract_checks import Browse, Check, Command, Exchange, Judged, StateCheck
from toolkit.harness.evidence import CheckResult, EvidenceFolder
from toolkit.harness.sandbox import Sandbox


async def check_criterion(
    criterion: Criterion,
    contract: Contract,
    sandbox: Sandbox,
    folder: Path,
    evidence: EvidenceFolder,
) -> CheckResult:
    """Run the check of a criterion on a copy of `folder`, and keep its evidence."""
    begun = time.monotonic()
    finding = await _find(criterion.check, contract, sandbox, folder)
    kept = evidence.keep(criterion.id, finding.files)
    seconds = time.monotonic() - begun
    return CheckResult(finding.grade, finding.why, finding.observed, kept, seconds, sandbox.banner)


async def _find(check: Check, contract: Contract, sandbox: Sandbox, folder: Path) -> Finding:
    """What comes of a check. One that cannot be made is unscored."""
    if isinstance(check, Judged):
        check = check.look
    try:
        if isinstance(check, Command):
            return await check_command(check, sandbox, folder)
        if isinstance(check, StateCheck):
            return await check_state(check, contract.serve, sandbox, folder)
        return await _find_with_app(check, contract, sandbox, folder)
    except AppError as error:
        log = str(error).encode(errors="replace")
        return Finding("fail", f"the app does not start: {error}", files={"app.log": log})
    except (OSError, ValueError) as error:
        return unscored(str(error))


async def _find_with_app(
    check: Exchange | Browse, contract: Contract, sandbox: Sandbox, folder: Path
) -> Finding:
    """What comes of a check on the app, with what the app printed where it fails."""
    if not contract.serve:
        return unscored("nobody says how the app is started")
    if isinstance(check, Browse):
        missing = missing_for_browser()
        if missing:
            return unscored(missing)
        sandbox = with_browser(sandbox)
    async with open_app(contract.serve, sandbox, folder) as app:
        if isinstance(check, Browse):
            finding = await check_browse(check, app)
        else:
            finding = await check_exchange(check, app)
        return finding.with_log(app.log)
