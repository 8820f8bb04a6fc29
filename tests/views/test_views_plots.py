import sys
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.evals import TopicMap
from toolkit.views import plot_delivery, plot_loss, plot_stalls, plot_topics

FRAME = pd.DataFrame({"time_s": [0.0, 1.0, 2.0, 3.0], "sent": [0, 10, 20, 20], "received": [0, 10, 10, 20]})
FAULTS = [(1.2, "server killed"), (1.5, "client killed"), (2.5, "client killed")]


def written(ax):
    """All words on the plot, drawn once so that a fault in drawing shows."""
    ax.figure.savefig(BytesIO(), format="png")
    legend = ax.get_legend()
    words = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels(), *(legend.get_texts() if legend else [])]
    shown = [text.get_text() for text in words]
    return "\n".join([*shown, ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()])


def topic_map(source=None, words="refund, deposit"):
    topics = pd.DataFrame({"topic": [0, 1], "size": [3, 2], "words": [words, "brakes"], "examples": [("a",), ("b",)]})
    return TopicMap(np.array([0, 0, 0, 1, 1]), topics, ("only 2 topics",), 0.0, ("x",) * 5, np.zeros((5, 2)), source)


def test_topics_show_sizes_words_and_warnings_and_hostile_words_stay_text():
    words = written(plot_topics(topic_map("simulated", words=r"$\frac{, <b>")))
    for told in ("3: ", "2: brakes", "only 2 topics", "2 topics in 5 items", "simulated"):
        assert told in words
    assert "simulated" not in written(plot_topics(topic_map("imported")))


def test_delivery_marks_each_kind_of_fault_by_shape_as_well_as_colour():
    ax = plot_delivery(FRAME, FAULTS, simulated=True)
    words = written(ax)
    for told in ("server killed (×1)", "client killed (×2)", "20 of 20 events received, 3 faults", "simulated"):
        assert told in words
    marks = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
    assert len({line.get_marker() for line in marks}) == len({line.get_color() for line in marks}) == 2


def test_delivery_without_events_or_faults_can_be_drawn():
    assert "0 of 0 events received, 0 faults" in written(plot_delivery(FRAME[:0], []))


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
