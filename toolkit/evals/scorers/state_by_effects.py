"""What was done beside effects: statements about the rows that were to change."""

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from toolkit.evals.scorers.state_changes import Change, Changes
from toolkit.evals.scorers.state_effects import Effect, Effects, shown, unmet
from toolkit.evals.scorers.state_match import Mismatch, Wanted, pair
from toolkit.evals.scorers.state_rules import StateRules


def match_effects(expected: Effects, changes: Changes, rules: StateRules) -> Mismatch:
    """The changes beside statements about them.

    Raises ValueError for a table or column that SQLite does not have: such a statement could not
    fail, or not hold.
    """
    mismatch = Mismatch()
    marked = [_Marked(change) for change in changes.rows]
    absent: list[Wanted] = []
    for effect in expected.effects:
        _check_names(effect, changes.columns)
        n_missing = _judge(effect, marked, rules, mismatch)
        if n_missing > 0:
            absent.append((_absent(effect, n_missing), effect.where))
    uncovered = [each.rest for each in marked if not each.is_covered]
    pair(absent, uncovered, rules, mismatch)
    if expected.others:
        mismatch.collateral = [change for change in mismatch.collateral if change.why]
    return mismatch


@dataclass
class _Marked:
    """A change, and what of it an effect speaks of."""

    change: Change
    covered: set[str] = field(default_factory=set)
    is_covered: bool = False
    """Whether all of it is."""

    def cover(self, names: Collection[str]) -> None:
        """Mark these fields; a row that is new or gone as a whole."""
        self.covered.update(names)
        is_all = self.covered.issuperset(self.change.fields)
        self.is_covered = is_all or self.change.kind != "changed"

    @property
    def rest(self) -> Change:
        """The change without the fields that are covered."""
        fields = [name for name in self.change.fields if name not in self.covered]
        return replace(self.change, fields=tuple(fields))


def _judge(effect: Effect, marked: list[_Marked], rules: StateRules, mismatch: Mismatch) -> int:
    """Mark what the effect covers, and keep its faults. Returns how many rows are missing."""
    fitting = []
    others = []
    for each in marked:
        if not _is_about(effect, each.change, rules):
            continue
        faults = unmet(effect.to, effect.table, each.change.after, rules)
        if faults:
            others.append((each, tuple(faults)))
        else:
            fitting.append(each.change)
            each.cover(effect.to or each.change.fields)
    mismatch.collateral += _too_many(effect, fitting)
    n_missing = effect.fewest - sum(change.count for change in fitting)
    if len(others) > n_missing:
        return n_missing  # none of them is plainly the row that was meant
    for each, faults_of_row in others:
        each.cover(faults_of_row)
        wrong = replace(each.change, fields=faults_of_row, expected=shown(effect.to))
        mismatch.wrong.append(wrong)
    return n_missing - len(others)


def _check_names(effect: Effect, columns: Mapping[str, Set[str]] | None) -> None:
    if columns is None:
        return
    if effect.table not in columns:
        tables = ", ".join(sorted(columns))
        raise ValueError(f"{effect}: there is no table {effect.table}; there are {tables}")
    unknown = (effect.where.keys() | effect.to.keys()) - columns[effect.table]
    if unknown:
        raise ValueError(f"{effect}: {effect.table} has no column {', '.join(sorted(unknown))}")


def _is_about(effect: Effect, change: Change, rules: StateRules) -> bool:
    """Whether the effect speaks of this row."""
    if (change.kind, change.table) != (effect.kind, effect.table):
        return False
    if effect.key is not None and change.key != effect.key:
        return False
    row = change.after if change.kind == "added" else change.before
    return not unmet(effect.where, effect.table, row, rules)


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
