"""The tour: the whole idea on real parts, in one run. The command line and notebook 00 both call
it.

`deliver` streams Harbor's agents through durable sessions while it kills the reader and the server;
`assess_traces` takes what fell out through scores, a judge, alignment and topics to new cases;
`tour_report` makes a page of both.

>>> from toolkit.events import Event
>>> arrived = [Event("s", "message", "user", {"text": "hello"}, "a", seq=1)]
>>> check(arrived, stored=[("a", 1), ("b", 2)]).lost
('b',)
"""

from toolkit.harbor import Talk
from toolkit.tour.checker import NO_DAMAGE, Damage, check
from toolkit.tour.delivery import Delivery, deliver, paced_policy, talks
from toolkit.tour.lessons import class_traces, codebook_in_use, label_path
from toolkit.tour.quality import Quality, assess_traces, score_counts
from toolkit.tour.report import tour_report

__all__ = [
    "NO_DAMAGE",
    "Damage",
    "Delivery",
    "Quality",
    "Talk",
    "assess_traces",
    "check",
    "class_traces",
    "codebook_in_use",
    "deliver",
    "label_path",
    "paced_policy",
    "score_counts",
    "talks",
    "tour_report",
]
