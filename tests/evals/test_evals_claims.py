"""Claims and reservations: what the order of a log decides, whatever the order is."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from toolkit.evals.experiments.claims import SharedRecord
from toolkit.events import Event

WORKERS = ("ann", "ben", "cy")
TRIALS = ("t1", "t2", "t3")
LIMIT = 2
CAP_USD = 3.0
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("claim", "reserve", "settle", "result", "give up", "end", "join")),
        st.sampled_from(WORKERS),
        st.sampled_from(TRIALS),
        st.integers(0, 2),
        st.sampled_from((0.5, 1.0, 2.5)),
    ),
    max_size=60,
)


class Referee:
    """The rules, kept the plain way: who holds what, by the events that counted."""

    def __init__(self):
        self.record = SharedRecord(set())
        self.seq = 0
        self.alive: set[str] = set()
        self.holders: dict[str, str] = {}
        self.held_usd = Counter()

    def write(self, kind, worker, actor="experiment", **data):
        self.seq += 1
        event = Event("s", kind, actor, data, f"e{self.seq}", run=worker, seq=self.seq)
        return self.record.decide(event)


@given(STEPS)
def test_no_trial_has_two_workers_and_no_limit_or_cap_is_passed(steps):
    referee = Referee()
    attempts = Counter()
    for what, worker, trial, behind, usd in steps:
        is_alive = worker in referee.alive
        has_trial = referee.holders.get(trial) == worker
        if what == "join" and not is_alive:
            referee.write("run.started", worker)
            referee.alive.add(worker)
        elif what == "end" and is_alive:
            referee.write("run.finished", worker, actor="warden")
            referee.alive.discard(worker)
            referee.holders = {t: w for t, w in referee.holders.items() if w != worker}
        elif what == "claim" and is_alive and not has_trial:
            turn = referee.record.turns[trial] - behind  # what a worker knew a while ago
            if referee.write("claim.asked", worker, trial=trial, turn=turn, limit=LIMIT):
                assert behind == 0, "a claim by old knowledge"
                assert trial not in referee.holders, "two workers have a trial"
                referee.holders[trial] = worker
                attempts[trial] += 1
            referee.write("trial.started", worker, trial=trial, attempt=attempts[trial])
        elif what == "reserve" and has_trial:
            key = f"{trial}-{attempts[trial]}"
            call = {"trial": trial, "attempt": attempts[trial], "usd": usd, "cap_usd": CAP_USD}
            held_usd = referee.held_usd[key] + usd
            if referee.write("trial.reserved", worker, held_usd=held_usd, **call):
                referee.held_usd[key] += usd
        elif what == "settle" and has_trial and referee.held_usd[f"{trial}-{attempts[trial]}"]:
            key = f"{trial}-{attempts[trial]}"
            referee.held_usd[key] /= 2  # the half of the worst case
            held_usd = referee.held_usd[key]
            call = {"trial": trial, "attempt": attempts[trial], "usd": 0.0, "held_usd": held_usd}
            assert referee.write("trial.reserved", worker, **call), "what it cost is no question"
        elif what in ("result", "give up") and has_trial:
            key = f"{trial}-{attempts[trial]}"
            kind = "trial.result" if what == "result" else "trial.given_up"
            spent_usd = referee.held_usd[key] / 2  # the half of the worst case
            referee.write(kind, worker, trial=trial, attempt=attempts[trial], usd=spent_usd)
            referee.held_usd[f"{key} done {referee.seq}"] = spent_usd
            referee.held_usd[key] = 0
            if what == "result":
                del referee.holders[trial]
        assert referee.record.owners == referee.holders
        assert len(referee.holders) <= LIMIT
        total_usd = sum(referee.held_usd.values())
        assert total_usd <= CAP_USD + 1e-6
        assert abs(referee.record.held_usd - total_usd) < 1e-6
        assert sum(referee.record.usd_of.values()) < CAP_USD + 1e-6
        shares = [referee.record.share_of(each, 8) for each in referee.alive]
        assert sum(shares) == (8 if referee.alive else 0)
    assert referee.record.problems == ()


def test_what_a_worker_writes_of_a_trial_that_it_did_not_get_does_not_count():
    referee = Referee()
    for worker in ("ann", "ben"):
        referee.write("run.started", worker)
        referee.write("claim.asked", worker, trial="t1", turn=0, limit=4)
    call = {"trial": "t1", "attempt": 1, "usd": 1.0, "held_usd": 1.0, "cap_usd": 9.0}
    assert not referee.write("trial.reserved", "ben", **call)
    assert referee.record.held_usd == 0
    assert referee.write("trial.reserved", "ann", **call)
    assert referee.record.held_usd == 1.0


def test_a_claim_that_cannot_be_read_is_a_problem_and_no_claim():
    referee = Referee()
    referee.write("run.started", "ann")
    assert not referee.write("claim.asked", "ann", trial="t1", turn="soon", limit=4)
    assert not referee.write("trial.started", "ann", trial=["t1"], attempt=1)
    assert len(referee.record.problems) == 2
    assert referee.record.owners == {}


def test_a_refused_call_settles_what_its_attempt_has_cost_so_far():
    referee = Referee()
    referee.write("run.started", "ann")
    referee.write("claim.asked", "ann", trial="t1", turn=0, limit=4)
    call = {"trial": "t1", "attempt": 1, "cap_usd": 3.0}
    assert referee.write("trial.reserved", "ann", usd=2.0, held_usd=2.0, **call)
    assert not referee.write("trial.reserved", "ann", usd=3.0, held_usd=3.5, **call)
    assert referee.record.held_usd == 0.5, "the first call cost a quarter of its worst case"


def test_what_may_come_back_are_the_calls_of_others_that_are_under_way():
    referee = Referee()
    referee.write("run.started", "ann")
    referee.write("claim.asked", "ann", trial="t1", turn=0, limit=4)
    call = {"trial": "t1", "attempt": 1}
    referee.write("trial.reserved", "ann", usd=2.0, held_usd=2.0, open_usd=2.0, **call)
    assert referee.record.others_can_free_usd("ben") == 2.0
    assert referee.record.others_can_free_usd("ann") == 0
    referee.write("trial.reserved", "ann", usd=0.0, held_usd=0.5, open_usd=0.0, **call)
    assert referee.record.others_can_free_usd("ben") == 0
    assert referee.record.held_usd == 0.5
    referee.write("trial.reserved", "ann", usd=1.0, held_usd=1.5, open_usd=1.0, **call)
    referee.write("trial.result", "ann", usd=0.75, **call)
    assert referee.record.others_can_free_usd("ben") == 0
    assert referee.record.held_usd == 0.75
