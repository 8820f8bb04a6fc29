import sys
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.evals import TopicMap
from toolkit.views import plot_delivery, plot_loss, plot_stalls, plot_topics

FRAME = pd.DataFrame(
    {"time_s": [0.0, 1.0, 2.0, 3.0], "sent": [0, 10, 20, 20], "received": [0, 10, 10, 20]}
)
FAULTS = [(1.2, "server killed"), (1.5, "client killed"), (2.5, "client killed")]


def written(ax):
    """All words on the plot, drawn once so that a fault in drawing shows."""
    ax.figure.savefig(BytesIO(), format="png")
    legend = ax.get_legend()
    words = [
        *ax.texts,
        *ax.get_xticklabels(),
        *ax.get_yticklabels(),
        *(legend.get_texts() if legend else []),
    ]
    shown = [text.get_text() for text in words]
    return "\n".join([*shown, ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()])


def topic_map(source=None, words="refund, deposit"):
    topics = pd.DataFrame(
        {"topic": [0, 1], "size": [3, 2], "words": [words, "brakes"], "examples": [("a",), ("b",)]}
    )
    return TopicMap(
        np.array([0, 0, 0, 1, 1]),
        topics,
        ("only 2 topics",),
        0.0,
        ("x",) * 5,
        np.zeros((5, 2)),
        source,
    )


def test_topics_show_sizes_words_and_warnings_and_hostile_words_stay_text():
    words = written(plot_topics(topic_map("simulated", words=r"$\frac{, <b>")))
    for told in ("3: ", "2: brakes", "only 2 topics", "2 topics in 5 items", "simulated"):
        assert told in words
    assert "simulated" not in written(plot_topics(topic_map("imported")))


def test_delivery_marks_each_kind_of_fault_by_shape_as_well_as_colour():
    ax = plot_delivery(FRAME, FAULTS, simulated=True)
    words = written(ax)
    for told in (
        "server killed (×1)",
        "client killed (×2)",
        "20 of 20 events received, 3 faults",
        "simulated",
    ):
        assert told in words
    marks = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
    assert (
        len({line.get_marker() for line in marks}) == len({line.get_color() for line in marks}) == 2
    )


def test_delivery_without_events_or_faults_can_be_drawn():
    assert "0 of 0 events received, 0 faults" in written(plot_delivery(FRAME[:0], []))


KILLED_AND_BACK = [
    (1.0, "client killed"),
    (1.5, "client back"),
    (4.0, "server killed"),
    (4.2, "server back"),
]
MISSED = pd.DataFrame(
    {
        "time_s": [0.0, 0.9, 1.1, 3.0, 3.1, 3.4, 3.9, 4.6, 4.7],
        "sent": [1, 10, 20, 30, 30, 30, 31, 40, 40],
        "received": [1, 10, 10, 10, 11, 30, 31, 31, 40],
    }
)


def test_a_recovery_is_no_fault():
    words = written(plot_delivery(MISSED, KILLED_AND_BACK))
    assert "40 of 40 events received, 2 faults" in words
    assert "client back" not in words
    assert "server killed (×1)" in words


def test_what_was_away_is_shaded_from_the_kill_to_the_first_event_after_the_part_is_back():
    ax = plot_delivery(MISSED, KILLED_AND_BACK)
    shades = [(patch.get_x(), round(patch.get_x() + patch.get_width(), 6)) for patch in ax.patches]
    assert shades == [(1.0, 3.1), (4.0, 4.7)]


def test_the_catching_up_is_named_with_its_events_and_seconds():
    words = written(plot_delivery(MISSED, KILLED_AND_BACK))
    assert "caught up: 20 events in 0.3 s" in words
    assert "caught up: 9 events in 0.0 s" in words


def test_a_reader_that_never_comes_back_is_away_to_the_end_and_never_catches_up():
    deaf = MISSED.assign(received=MISSED["received"].clip(upper=10))
    ax = plot_delivery(deaf, KILLED_AND_BACK[:1])
    assert "caught up" not in written(ax)
    assert [patch.get_x() + patch.get_width() for patch in ax.patches] == [4.7]


def test_a_quiet_start_is_cut_off_and_said_and_no_fault_is_cut_off_with_it():
    late = pd.concat(
        [
            pd.DataFrame({"time_s": [0.0], "sent": [0], "received": [0]}),
            MISSED[1:].assign(time_s=MISSED["time_s"][1:] + 10),
        ]
    )
    ax = plot_delivery(late, [(11.0, "client killed")])
    assert ax.get_xlim()[0] == 10.4
    assert "the first 10.4 s, with 0 events, are not shown" in written(ax)
    early = plot_delivery(late, [(5.0, "client killed")])
    assert early.get_xlim()[0] == 4.5
    assert plot_delivery(MISSED, []).get_xlim()[0] == 0


def test_no_topics_and_no_runs_are_nothing_to_show():
    none = TopicMap(np.array([]), topic_map().topics[:0], (), 0.0, (), np.zeros((0, 2)))
    runs = pd.DataFrame({"arm": [], "lost": [], "stall_s": [], "source": []})
    for ax in (plot_topics(none), plot_loss(runs), plot_stalls(runs)):
        assert "nothing to show" in written(ax)


def test_a_plot_uses_the_axes_it_is_given_and_leaves_pyplot_alone():
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else []
    axes = Figure().subplots(1, 2)
    assert plot_topics(topic_map(), ax=axes[0]) is axes[0]
    assert plot_delivery(FRAME, FAULTS, ax=axes[1]) is axes[1]
    plot_topics(topic_map())
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert (pyplot.get_fignums() if pyplot else []) == before
