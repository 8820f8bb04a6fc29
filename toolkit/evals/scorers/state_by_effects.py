"""What was done beside effects: statements about the rows that were to change."""

from collections.abc import Iterator
from dataclasses import replace

from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_effects import Effect, Effects, shown, unmet
from toolkit.evals.scorers.state_match import Mismatch, Wanted, pair
from toolkit.evals.scorers.state_rules import StateRules


def match_effects(expected: Effects, changes: Changes, rules: StateRules) -> Mismatch:
    """The changes beside statements about them.

    Raises ValueError for a table or field that is not there: such a statement could not fail.
    """
    mismatch = Mismatch()
    covered: list[set[str]] = [set() for _ in changes.rows]
    absent: list[Wanted] = []
    for effect in expected.effects:
        _check_names(effect, changes)
        n_missing = _judge(effect, changes, covered, rules, mismatch)
        if n_missing > 0:
            absent.append((_absent(effect, n_missing), effect.where))
    uncovered = []
    for change, names in zip(changes.rows, covered, strict=True):
        fields = tuple(name for name in change.fields if name not in names)
        if fields:
            uncovered.append(replace(change, fields=fields))
    pair(absent, uncovered, rules, mismatch)
    if expected.others:
        mismatch.collateral = [change for change in mismatch.collateral if change.why]
    return mismatch


def _judge(
    effect: Effect,
    changes: Changes,
    covered: list[set[str]],
    rules: StateRules,
    mismatch: Mismatch,
) -> int:
    """Mark the fields that the effect covers, and keep its faults. Returns how many rows are
    missing.
    """
    fitting = []
    others = []
    for at in _selected(effect, changes, rules):
        change = changes.rows[at]
        faults = unmet(effect.to, effect.table, change.after, rules)
        if faults:
            others.append((at, replace(change, fields=tuple(faults), expected=shown(effect.to))))
        else:
            fitting.append(change)
            covered[at].update(effect.to or change.fields)
    mismatch.collateral += _too_many(effect, fitting)
    n_missing = effect.fewest - sum(change.count for change in fitting)
    if len(others) > n_missing:
        return n_missing  # none of them is plainly the row that was meant
    for at, change in others:
        covered[at].update(change.fields)
        mismatch.wrong.append(change)
    return n_missing - len(others)


def _check_names(effect: Effect, changes: Changes) -> None:
    if effect.table not in changes.tables:
        tables = ", ".join(sorted(changes.tables))
        raise ValueError(f"{effect}: there is no table {effect.table}; there are {tables}")
    known: set[str] = set()
    for change in changes.rows:
        if change.table == effect.table:
            known |= change.before.keys() | change.after.keys()
    unknown = (effect.where.keys() | effect.to.keys()) - known
    if known and unknown:
        raise ValueError(f"{effect}: {effect.table} has no field {', '.join(sorted(unknown))}")


def _selected(effect: Effect, changes: Changes, rules: StateRules) -> list[int]:
    """Where the changes stand that the effect is about."""
    places = []
    for at, change in enumerate(changes.rows):
        if (change.kind, change.table) != (effect.kind, effect.table):
            continue
        if effect.key is not None and change.key != effect.key:
            continue
        row = change.after if change.kind == "added" else change.before
        if not unmet(effect.where, effect.table, row, rules):
            places.append(at)
    return places


def _too_many(effect: Effect, fitting: list[Change]) -> Iterator[Change]:
    """The rows beyond the number that the effect allows."""
    if effect.most is None:
        return
    n_rows = sum(change.count for change in fitting)
    allowed = effect.most
    for change in fitting:
        surplus = change.count - allowed
        allowed = max(0, -surplus)
        if surplus > 0:
            why = f"{n_rows} rows, and {effect.most} may be: {effect}"
            yield replace(change, count=surplus, why=why)


def _absent(effect: Effect, n_missing: int) -> Change:
    expected = shown({**effect.where, **effect.to})
    return Change(
        effect.kind,
        effect.table,
        effect.key,
        before={},
        after={},
        fields=tuple(expected),
        expected=expected,
        count=n_missing,
        why=str(effect),
    )
