"""A judge of one's own, and verdicts that are kept, saved and asked for again."""

import inspect

import pytest

from toolkit.evals import (
    Judge,
    Label,
    Rubric,
    RuleJudge,
    Verdict,
    VerdictStore,
    align,
    judge_traces,
)
from toolkit.models import Answer, ScriptedModel
from toolkit.traces import Step, Trace

RUBRIC = Rubric("kept", "Did the assistant keep its word?")
TRACES = [Trace(f"t{n}", (Step("1", "message", "assistant", f"Word {n}."),)) for n in range(6)]
GOOD = {"whole": {"critique": "It did.", "verdict": "pass"}}


class BothJudge:
    """An outsider's judge: two must agree, else it is unscored."""

    says = "two judges that must agree"

    def __init__(self, *judges):
        self.judges = judges
        self.hash = "+".join(judge.hash for judge in judges)

    async def score_all(self, traces):
        first, second = [await judge.score_all(traces) for judge in self.judges]
        verdicts = []
        for a, b in zip(first, second, strict=True):
            agreed = a.verdict if a.verdict == b.verdict else None
            why = "" if agreed else "the two differ, or one is unscored"
            verdicts.append(Verdict(a.trace_id, agreed, a.critique, why, a.source, self.hash))
        return verdicts


def counting(calls, fails=()):
    def policy(request):
        calls.append(request.metadata["user_id"])
        return Answer(status=500) if calls[-1] in fails else Answer(data=GOOD)

    return Judge(RUBRIC, ScriptedModel(policy))


def words(pattern):
    criteria = ({"id": "says", "text": "It says so.", "rule": f"says {pattern}"},)
    return RuleJudge(Rubric("words", "Does it say so?", criteria))


async def test_a_judge_of_ones_own_is_aligned_and_kept_like_any_other():
    kept = VerdictStore()
    judge = BothJudge(words("word [0-3]"), words("word [2-5]"))
    verdicts = await judge_traces(judge, TRACES, kept)
    assert [verdict.verdict for verdict in verdicts] == [None, None, "pass", "pass", None, None]
    labels = [Label(trace.id, "ada", "pass", "It is so.") for trace in TRACES]
    alignment = align(labels, verdicts)
    assert (alignment.n, alignment.n_unparsed, alignment.judge_hash) == (2, 4, judge.hash)


def test_an_outsiders_judge_takes_fewer_than_25_lines():
    assert len(inspect.getsource(BothJudge).splitlines()) < 25


async def test_saved_verdicts_are_loaded_and_only_the_unscored_are_asked_again(tmp_path):
    calls, path, progress = [], tmp_path / "verdicts.jsonl", []
    first = await judge_traces(counting(calls, fails={"t1", "t4"}), TRACES, VerdictStore(path))
    assert [verdict.verdict for verdict in first].count(None) == 2
    calls.clear()
    loaded = VerdictStore(path)
    assert loaded.problems == ()
    assert [loaded[verdict.judge, verdict.trace_id] for verdict in first] == first
    again = await judge_traces(
        counting(calls), TRACES, loaded, lambda done, of: progress.append((done, of))
    )
    assert sorted(calls) == ["t1", "t4"]
    assert progress == [(1, 2), (2, 2)]
    assert [verdict.verdict for verdict in again] == ["pass"] * 6
    assert len(VerdictStore(path)) == 6


async def test_a_judge_that_keeps_on_disk_writes_each_verdict_once(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    kept = VerdictStore(path)
    judge = Judge(RUBRIC, ScriptedModel(lambda request: Answer(data=GOOD)), kept=kept)
    verdicts = await judge_traces(judge, TRACES, kept)
    assert len(path.read_text().splitlines()) == len(TRACES)
    assert list(VerdictStore(path).values()) == verdicts


def test_lines_that_are_no_verdicts_are_named_and_an_unknown_price_stays_unknown(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    unpriced = Verdict("t1", None, "", "the reply stopped", "imported", "ab12", cost_usd=None)
    VerdictStore(path).keep(unpriced)
    with path.open("a") as file:
        file.write('not json\n{"trace_id": "t2"}\n')
    store = VerdictStore(path)
    assert dict(store) == {("ab12", "t1"): unpriced}
    assert [problem.line for problem in store.problems] == [2, 3]
    with pytest.raises(ValueError, match="by its judge and its trace"):
        store["other", "t1"] = unpriced


async def test_what_a_run_may_cost_is_known_before_it_and_is_an_upper_bound():
    calls = []
    judge = counting(calls)
    bound = judge.worst_case_usd(TRACES)
    assert (calls, bound > 0) == ([], True)
    verdicts = await judge.score_all(TRACES)
    assert sum(verdict.cost_usd for verdict in verdicts) <= bound
    assert judge.worst_case_usd(TRACES, known=judge.kept) == 0
    assert judge.worst_case_usd(TRACES[:3], batch=True) < judge.worst_case_usd(TRACES[:3])
