"""Assess: which framework first, why, and what would change the answer.

`gather` joins what was measured (the maturity of a folder's evals, an audit of the endpoint, a
build of the harness) with what somebody says, and marks which is which. `assess` decides by
`RULES`, a table: sessions, evals or the harness first, ``none yet``, ``skip``, or ``measure first``
with the single measurement that would decide.

>>> evidence = gather(said={"devices": 2, "production": True, "run_minutes": 5})
>>> found = assess(evidence)
>>> found.answer, found.decider.name
('measure first', 'an audit of the endpoint')
"""

from toolkit.assess.assessment import Assessment, KnownFact, assess
from toolkit.assess.choice import Change, Decider
from toolkit.assess.facts import Evidence, Facts, Source
from toolkit.assess.gather import gather
from toolkit.assess.rules import RULES, Need, Rule
from toolkit.assess.standing import Reason, Standing

__all__ = [
    "RULES",
    "Assessment",
    "Change",
    "Decider",
    "Evidence",
    "Facts",
    "KnownFact",
    "Need",
    "Reason",
    "Rule",
    "Source",
    "Standing",
    "assess",
    "gather",
]
