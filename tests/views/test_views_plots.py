import sys
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.evals import TopicMap
from toolkit.sessions.lab import Fault
from toolkit.views import plot_delivery, plot_lengths, plot_loss, plot_tokens, plot_topics
from toolkit.views.plots import figures_of_width
from toolkit.views.plots.delivery import TICK

FRAME = pd.DataFrame(
    {"time_s": [0.0, 1.0, 2.0, 3.0], "sent": [0, 10, 20, 20], "received": [0, 10, 10, 20]}
)
FAULTS = [(1.2, "server killed"), (1.5, "client killed"), (2.5, "client killed")]


def title_of(ax):
    return " ".join(ax.get_title(loc="left").split())


def topic_map(source=None, words="refund, deposit", n_topics=3, outliers=0.0):
    named = [words, "brakes", "tandem"][:n_topics]
    topics = pd.DataFrame({"topic": range(n_topics), "size": [3, 2, 1][:n_topics], "words": named})
    topics["examples"] = [("a",)] * n_topics
    topics["sentence"] = [f"It is about {words}." for words in named]
    labels = np.array([0, 0, 0, 1, 1, 2])
    notes = ("a note to read first",)
    return TopicMap(labels, topics, notes, outliers, ("x",) * 6, np.zeros((6, 2)), source)


def test_topics_show_sizes_words_a_sentence_each_and_notes_and_hostile_words_stay_text(written):
    words = written(plot_topics(topic_map("simulated", words=r"$\frac{, <b>")))
    assert {"3", "2", "1", "“It is about brakes.”", "brakes · trace a", "simulated"} <= set(
        words.split("\n")
    )
    assert "note: a note to read first" in words
    assert "<b>" in words
    assert "simulated" not in written(plot_topics(topic_map("imported")))


def test_the_title_of_topics_counts_them_or_says_why_they_are_no_good(written):
    assert (
        title_of(plot_topics(topic_map()))
        == "What 6 texts are about: 3 topics, the largest refund, deposit (50%)"
    )
    assert "bars: traces in a topic" in written(plot_topics(topic_map("imported")))
    for bad, why in (
        (topic_map(n_topics=0), "Nothing to show: no topic was found"),
        (topic_map(n_topics=1), "only 1 topic could be told apart"),
        (topic_map(outliers=0.6), "60% of all lie outside every one"),
    ):
        ax = plot_topics(bad)
        assert why in written(ax)
        assert not [*ax.patches, *ax.lines]


def test_of_many_topics_the_largest_are_drawn_and_the_rest_counted(written):
    whole = topic_map()
    many = pd.concat([whole.topics] * 5, ignore_index=True)
    ax = plot_topics(TopicMap(whole.labels, many, (), 0.0, whole.texts, whole.vectors))
    assert len(ax.patches) == 6
    assert title_of(ax).startswith("What 6 texts are about: 15 topics")
    assert "n = 6 texts · shown: the 6 largest topics, with 12 of them" in written(ax)


def test_delivery_names_each_fault_in_words_where_it_happened(written):
    ax = plot_delivery(FRAME, FAULTS, simulated=True)
    words = written(ax)
    assert words.split("\n").count("client killed") == 2
    assert {"server killed", "simulated"} <= set(words.split("\n"))
    assert "20 of 20 events received, 3 faults" in words


def test_the_legend_of_a_delivery_stands_under_its_axes_and_hides_no_shade():
    ax = plot_delivery(FRAME, FAULTS)
    ax.figure.savefig(BytesIO(), format="png")
    axis_label = ax.xaxis.label.get_window_extent()
    assert ax.get_legend().get_window_extent().y1 <= axis_label.y0


def test_the_title_of_a_delivery_says_what_arrived():
    gone = [(1.0, "client killed"), (1.5, "client back")]
    lossy = FRAME.assign(received=FRAME["received"].clip(upper=17))
    one = pd.DataFrame({"time_s": [0.0], "sent": [1], "received": [1]})
    for frame, faults, title in (
        (FRAME[:0], [], "Nothing to show: nothing was sent"),
        (one, [], "The only event arrived"),
        (FRAME, [], "All 20 events arrived"),
        (FRAME, gone, "All 20 events arrived, through 1 kill"),
        (FRAME, [*gone, (2.0, "server slow")], "All 20 events arrived, through 2 faults"),
        (lossy, gone, "3 of 20 events never arrived, through 1 kill"),
        (FRAME.assign(received=30), [], "20 events were sent, 30 received: some came twice"),
    ):
        assert plot_delivery(frame, faults).get_title(loc="left") == title


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


def test_a_recovery_is_no_fault(written):
    words = written(plot_delivery(MISSED, KILLED_AND_BACK))
    assert "40 of 40 events received, 2 faults" in words
    assert "client back" not in words
    assert words.split("\n").count("server killed") == 1


def test_what_was_away_is_shaded_from_the_kill_to_the_first_event_after_the_part_is_back():
    ax = plot_delivery(MISSED, KILLED_AND_BACK)
    shades = [(patch.get_x(), round(patch.get_x() + patch.get_width(), 6)) for patch in ax.patches]
    assert shades == [(1.0, 3.1), (4.0, 4.7)]


def test_the_catching_up_is_named_with_its_events_and_seconds(written):
    words = written(plot_delivery(MISSED, KILLED_AND_BACK))
    assert "1.0 s, client killed: caught up with 20 events in 0.3 s" in words
    assert "4.0 s, server killed: caught up with 9 events in 0.0 s" in words


def test_who_is_killed_again_while_catching_up_has_not_caught_up(written):
    again = [(1.0, "client killed"), (1.5, "client back"), (3.2, "server killed")]
    words = written(plot_delivery(MISSED, [*again, (3.3, "server back")]))
    assert "1.0 s, client killed: read 1 of 20 missing events, then server killed" in words
    assert words.count("caught up") == 1


def test_what_a_second_kill_ends_before_it_read_anything_is_told_once(written):
    words = written(plot_delivery(FRAME, [*FAULTS[:2], (1.8, "client back")]))
    assert words.count("caught up") == 1
    assert "1.2 s, server killed: nothing read before client killed" in words
    assert "1.5 s, client killed: caught up with 10 events in 0.0 s" in words


def test_no_words_lie_on_what_is_shaded():
    ax = plot_delivery(MISSED, KILLED_AND_BACK)
    ax.figure.draw_without_rendering()
    shades = [patch.get_window_extent() for patch in ax.patches]
    assert shades
    for text in ax.texts:
        assert not any(text.get_window_extent().padded(-1).overlaps(shade) for shade in shades)


def test_a_reader_that_never_comes_back_is_away_to_the_end_and_never_catches_up(written):
    deaf = MISSED.assign(received=MISSED["received"].clip(upper=10))
    ax = plot_delivery(deaf, KILLED_AND_BACK[:1])
    assert "caught up" not in written(ax)
    assert [patch.get_x() + patch.get_width() for patch in ax.patches] == [4.7]


def test_a_quiet_start_is_cut_off_and_said_and_no_fault_is_cut_off_with_it(written):
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


def run_of(arm, times_s, seed=1, broken=(), pace_s=0.1):
    lost = sum(at_s is None for at_s in times_s)
    row = {"seed": seed, "arm": arm, "lost": lost, "token_times_s": tuple(times_s)}
    return row | {"broken": broken, "pace_s": pace_s, "source": "simulated", "regenerated": 0}


KILL = Fault(0.15, "kill", 0.3)
WHOLE = run_of("durable", [0.1, 0.2, 0.5, 0.5], broken=(KILL,))
LOSSY = run_of("direct", [0.1, None, None, None], broken=(KILL,))


def ticks_of(ax):
    """The seconds at which ticks stand, by whether the token came; none touches one that did not.

    The ticks of what came are drawn about the middle of a lane.
    """
    came, missed = [], []
    for collection in ax.collections:
        for (at_s, low), (_, high) in collection.get_segments():
            lane = round(low)
            is_beside = low > lane + TICK and high < lane + 1 - TICK
            (missed if is_beside else came).append(round(float(at_s), 3))
    return came, missed


def test_a_tick_stands_where_a_token_came_and_one_below_where_a_lost_one_was_due(written):
    ax = plot_tokens(pd.DataFrame([LOSSY, WHOLE]))
    came, missed = ticks_of(ax)
    assert came == [0.1, 0.1, 0.2, 0.5, 0.5]
    assert missed == [0.2, 0.3, 0.4]
    words = written(ax)
    assert {"3 lost", "0 lost", "server killed", "simulated"} <= set(words.split("\n"))
    assert "grey: while a fault lasts" in words
    assert "at once" not in words
    (shade,) = ax.patches
    assert (shade.get_x(), round(shade.get_width(), 9)) == (KILL.at_s, KILL.for_s)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["direct", "durable"]


def test_the_title_of_the_tokens_says_who_loses_some():
    whole = {**WHOLE, "broken": ()}
    faults = (Fault(0.1, "cut"), Fault(0.12, "cut"), KILL)
    cut = [{**run, "broken": faults} for run in (LOSSY, WHOLE)]
    for rows, title in (
        ([LOSSY, WHOLE], "Direct loses tokens; the other one loses none"),
        (cut, "Direct loses tokens; the other one loses none"),
        ([WHOLE], "Every transport brings every token, through 1 kill"),
        ([whole], "Every transport brings every token, without a fault"),
        ([LOSSY], "Every transport lost tokens: 1 of 1"),
    ):
        assert title_of(plot_tokens(pd.DataFrame(rows))) == title


def test_without_a_seed_the_run_is_drawn_in_which_most_was_lost(written):
    runs = pd.DataFrame([WHOLE, {**LOSSY, "seed": 7}])
    assert "seed 7, through 1 kill ·" in written(plot_tokens(runs))
    assert "seed 1, through 1 kill ·" in written(plot_tokens(runs, seed=1))


def test_a_token_that_comes_long_after_all_else_is_counted_at_the_edge(written):
    late = run_of("waits", [0.1, 0.2, 9.0, 9.5])
    ax = plot_tokens(pd.DataFrame([WHOLE, WHOLE | {"arm": "other"}, late]))
    assert ax.get_xlim()[1] < 1
    assert "0 lost, 2 by 9.5 s" in written(ax)


def test_tokens_of_a_model_that_was_called_anew_have_their_own_tick_and_count(written):
    anew = run_of("inside", [0.1, 0.2, 0.48, 0.5], broken=(KILL,)) | {"regenerated": 2}
    ax = plot_tokens(pd.DataFrame([LOSSY | {"regenerated": 4}, WHOLE, anew]))
    halves = []
    for collection in ax.collections:
        for (at_s, low), (_, high) in collection.get_segments():
            if round(float(high - low), 3) == TICK:
                halves.append((float(at_s), round(high)))
    assert halves == [(0.48, 2), (0.5, 2)]
    words = written(ax)
    assert {"3 lost", "0 lost", "0 lost, 2 anew"} <= set(words.split("\n"))
    assert "anew (brown, half a tick): from a model called and paid again" in words
    assert "after the end of the axis" not in words
    late = run_of("inside", [0.1, 0.2, 9.0, 9.5], broken=(KILL,)) | {"regenerated": 2}
    ax = plot_tokens(pd.DataFrame([WHOLE, WHOLE | {"arm": "other"}, late]))
    words = written(ax)
    assert "0 lost, 2 anew by 9.5 s" in words
    assert "brown" not in words
    assert "paid again" in words
    assert "the last came then, after the axis ends" in words
    assert "anew" not in written(plot_tokens(pd.DataFrame([LOSSY, WHOLE])))


def test_tokens_that_come_in_one_moment_are_counted_right_of_their_lane(written):
    caught_up = run_of("durable", [0.1, 0.2, 0.5, 0.5, 0.5, 0.5, 0.501], broken=(KILL,))
    for width in (358, 720):
        with figures_of_width(width):
            ax = plot_tokens(pd.DataFrame([caught_up]))
        assert "5 at once" in written(ax)
        (count,) = [text for text in ax.texts if "at once" in text.get_text()]
        assert count.get_window_extent().x0 >= ax.get_window_extent().x1


def test_the_names_of_two_faults_are_two_letters_apart_beside_the_widest_count():
    faults = (Fault(0.1, "cut"), Fault(0.231, "kill", 0.21))
    late = run_of("durable over SSE, agent inside", [0.1, 0.2, 13.0, 13.2], broken=faults)
    runs = [WHOLE | {"broken": faults, "arm": arm} for arm in ("a", "b")]
    ax = plot_tokens(pd.DataFrame([*runs, late | {"regenerated": 2}]))
    ax.figure.savefig(BytesIO(), format="png")
    cut, kill = (
        next(text for text in ax.texts if text.get_text() == name).get_window_extent()
        for name in ("connections cut", "server killed")
    )
    assert kill.y0 > cut.y1 or kill.x0 - cut.x1 >= 12


def test_an_answer_of_which_nothing_came_is_drawn_as_lost_from_the_first_token_on():
    none = run_of("dead", [None] * 4)
    assert ticks_of(plot_tokens(pd.DataFrame([none, WHOLE])))[1] == [0.1, 0.2, 0.3, 0.4]
    assert ticks_of(plot_tokens(pd.DataFrame([none])))[1] == [0.0, 0.1, 0.2, 0.3]


def test_the_title_of_the_losses_names_up_to_three_who_lose():
    def title(*lost):
        runs = [{"arm": f"arm {n}", "lost": lost, "seed": 1} for n, lost in enumerate(lost)]
        frame = pd.DataFrame(runs, columns=["arm", "lost", "seed"]).assign(source="simulated")
        return " ".join(plot_loss(frame).get_title(loc="left").split())

    assert title() == "Nothing to show: no transport was run"
    assert title(0) == "None of 1 transport lost a token"
    assert title(0, 0) == "None of 2 transports lost a token"
    assert title(3, 1) == "Every transport lost tokens: 2 of 2"
    assert title(3, 0) == "Arm 0 loses tokens; the other one loses none"
    assert title(3, 0, 2, 0) == "Arm 0 and arm 2 lose tokens; the other 2 lose none"
    assert title(1, 1, 1, 1, 0) == "4 transports lose tokens; the other one loses none"


def lengths(*steps, source="imported"):
    ids = [f"t{n}" for n in range(len(steps))]
    return pd.DataFrame({"id": ids, "steps": pd.array(steps, dtype="Int64"), "source": source})


def test_the_title_of_the_lengths_says_the_middle_how_many_are_no_longer_and_the_longest(written):
    for frame, title in (
        (lengths(), "Nothing to show: no trace says how many steps it has"),
        (lengths(None, None), "Nothing to show: no trace says how many steps it has"),
        (lengths(1), "The only trace has 1 step"),
        (
            lengths(*range(1, 51)),
            "Half of the traces have 25 steps or fewer; the longest 4% have 49 to 50",
        ),
        (lengths(4, 4, 4), "Each of the 3 traces has 4 steps"),
        (
            lengths(1, 2, 9, None),
            "67% of the traces have 2 steps or fewer; the longest has 9",
        ),
        (
            lengths(*[1] * 51, *[14] * 198, *range(15, 66)),
            "83% of the traces have 14 steps or fewer; the longest 5% have 51 to 65",
        ),
        (
            lengths(*[14] * 257, *[17] * 38, *[20] * 4, 21),
            "86% of the traces have 14 steps or fewer; the longest 14% have 17 to 21",
        ),
        (
            lengths(*[3] * 400, 9),
            "99% of the traces have 3 steps or fewer; the longest has 9",
        ),
    ):
        assert title_of(plot_lengths(frame)) == title
    words = written(plot_lengths(lengths(1, 2, 9, None, source="simulated")))
    assert "median 2" in words.split("\n")
    assert "n = 3 · the longest: t2 · 1 do not say" in words
    assert "simulated" in words.split("\n")


def test_bars_are_to_scale_and_one_trace_among_hundreds_is_said_by_its_count():
    ax = plot_lengths(lengths(*[3] * 400, 5))
    assert [patch.get_height() for patch in ax.patches] == [400, 1]
    counts = {text.get_text(): text.xy[1] for text in ax.texts if text.get_text().isdigit()}
    assert counts == {"1": 1}


def test_lengths_are_counted_in_whole_numbers():
    ax = plot_lengths(lengths(*range(1, 200)))
    assert {patch.get_height() for patch in ax.patches[:-1]} == {7}
    assert sum(patch.get_height() for patch in ax.patches) == 199
    small = plot_lengths(lengths(1, 1, 2))
    small.figure.draw_without_rendering()
    assert [patch.get_height() for patch in small.patches] == [2, 1]
    for axis in (small.xaxis, small.yaxis):
        assert all(float(tick) == int(tick) for tick in axis.get_ticklocs())


def test_no_runs_are_nothing_to_show(written):
    runs = pd.DataFrame([LOSSY])[:0]
    for ax in (plot_loss(runs), plot_tokens(runs)):
        assert "Nothing to show" in written(ax)
        assert not [*ax.lines, *ax.collections, *ax.get_xticks(), *ax.get_yticks()]


def test_a_plot_uses_the_axes_it_is_given_and_leaves_pyplot_alone():
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else []
    axes = Figure().subplots(1, 4)
    assert plot_topics(topic_map(), ax=axes[0]) is axes[0]
    assert plot_delivery(FRAME, FAULTS, ax=axes[1]) is axes[1]
    assert plot_tokens(pd.DataFrame([LOSSY, WHOLE]), ax=axes[2]) is axes[2]
    assert plot_lengths(lengths(1, 2), ax=axes[3]) is axes[3]
    plot_topics(topic_map())
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert (pyplot.get_fignums() if pyplot else []) == before
