"""Plots of steps: what follows what, and how far into a trace the first failing step comes."""

from toolkit.traces import Step, Trace
from toolkit.views import plot_failing_steps, plot_transitions
from toolkit.views.plots import new_axes


def walk(id_, *tools, source="imported"):
    steps = []
    for number, tool in enumerate(tools, 1):
        data = {"name": tool, "agent": "ann" if number % 2 else "bo"}
        steps.append(Step(f"s{number}", "tool.call", "assistant", tool, data=data))
    return Trace(id_, steps, source=source)


def title_of(ax):
    return " ".join(ax.get_title(loc="left").split())


LOOPS = [walk("a", "look", "look", "look", "pay"), walk("b", "look", "pay")]


def test_the_title_of_transitions_names_what_goes_round_or_the_most_frequent_pair():
    for traces, title in (
        ([], "Nothing to show: no trace has a step"),
        ([Trace("t", ())], "Nothing to show: no trace has a step"),
        ([walk("a", "look")], "No step follows another: each trace has one"),
        (LOOPS, "50% of “look” are followed by another: 2 of 4"),
        (
            [walk("a", "look", "pay"), walk("b", "look")],
            "After “look” most often comes “pay”: 1 of 2 times",
        ),
    ):
        assert title_of(plot_transitions(traces)) == title


def test_a_row_of_transitions_has_shares_and_its_n(written):
    words = written(plot_transitions(LOOPS))
    assert {"n = 2 traces · 6 steps", "look 4", "(end)", "50", "100"} <= set(words.split("\n"))
    assert "simulated" not in words


def test_of_many_kinds_of_step_the_rarer_ones_are_counted_and_what_is_simulated_says_so(written):
    many = walk("a", *[f"tool {number}" for number in range(11)], source="simulated")
    words = written(plot_transitions([many]))
    assert {"other: 3 rarer kinds of step", "other", "simulated"} <= set(words.split("\n"))


def test_each_row_of_transitions_makes_100_percent_whatever_is_hidden_or_rounded():
    tools = [f"tool {number}" for number in range(11)]
    many = [walk(tool, "look", tool, "pay", *tools[::3]) for tool in tools] + [walk("b", "pay")]
    sums = {}
    for text in plot_transitions(many).texts:
        _, row = text.get_position()
        if text.get_text().isdigit():
            sums[row] = sums.get(row, 0) + int(text.get_text())
    assert sums == dict.fromkeys(range(9), 100)


def test_failed_calls_are_one_kind_of_step_whatever_their_errors_say(written):
    steps = []
    for number in range(20):
        at = f"2026-07-{number + 1:02}"
        steps.append(Step(f"c{number}", "tool.call", "assistant", "find", data={"name": "find"}))
        steps.append(
            Step(f"r{number}", "tool.result", "find", f"No room on {at}", data={"error": at})
        )
    ax = plot_transitions([Trace("t", steps)])
    assert title_of(ax) == "100% of “find” fail at once: 20 of 20"
    assert "other" not in written(ax)


def test_the_title_of_transitions_names_the_step_whose_calls_are_known_to_fail_most():
    steps = []
    for number in range(40):
        name = "change" if number else "rare"
        steps.append(Step(f"u{number}", "message", "user", "Please."))
        steps.append(Step(f"c{number}", "tool.call", "assistant", name, data={"name": name}))
        if number % 4 == 0:
            steps.append(Step(f"r{number}", "tool.result", name, "No.", data={"error": "No."}))
    ax = plot_transitions([Trace("t", steps)])
    assert title_of(ax) == "23% of “change” fail at once: 9 of 39"


def test_the_pair_that_the_title_of_transitions_names_is_in_the_table_however_rare_it_is():
    steps = []
    for number in range(40):
        name = f"tool {number % 10}"
        steps.append(Step(f"c{number}", "tool.call", "assistant", name, data={"name": name}))
    steps.append(Step("c", "tool.call", "assistant", "rare", data={"name": "rare"}))
    steps.append(Step("r", "tool.result", "rare", "No.", data={"error": "No."}))
    ax = plot_transitions([Trace("t", steps)])
    assert title_of(ax).startswith("100% of “rare” fail at once")
    rows = [label.get_text().rsplit("  ", 1)[0] for label in ax.get_yticklabels()]
    columns = [label.get_text() for label in ax.get_xticklabels()]
    assert rows[-2:] == ["rare", "a failed call"]
    assert columns[-4:] == ["rare", "a failed call", "other", "(end)"]
    assert len(rows) == 9


def test_what_the_rows_and_the_columns_of_transitions_are_is_written_beside_them():
    ax = plot_transitions([walk("a", "look", "transfer_to_human_agents", "look")])
    ax.figure.draw_without_rendering()
    assert ax.get_ylabel() == "after this step"
    gap = ax.xaxis.label.get_window_extent().y0 - ax.get_window_extent().y1
    assert 0 <= gap < 12


def test_the_names_of_columns_are_as_whole_as_those_of_rows():
    ax = plot_transitions([walk("a", "transfer_to_human_agents", "modify_pending_order_address")])
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["transfer_to_human_agents", "modify_pending_order_address", "(end)"]
    rows = [label.get_text().rsplit("  ", 1)[0] for label in ax.get_yticklabels()]
    assert rows[1:] == names[:-1]


def test_the_title_of_failing_steps_says_between_which_tenths_most_traces_fail():
    steps = {"a": "s3", "b": "s1"}
    for traces, title in (
        ([], "Nothing to show: no trace has a step that is known to fail"),
        (LOOPS[:1], "The only failing trace goes wrong at 75% of its steps"),
        (LOOPS[:1] * 2, "2 of 2 failing traces go wrong at 70 to 80% of their steps"),
        (LOOPS, "2 of 2 failing traces go wrong at 40 to 80% of their steps"),
    ):
        assert title_of(plot_failing_steps(traces, steps)) == title


def test_a_failing_step_is_in_the_row_of_its_agent_and_what_is_unknown_is_counted(written):
    ax = plot_failing_steps([*LOOPS, walk("c", "look")], {"a": "s2", "b": "s1", "c": None})
    words = written(ax)
    assert "n = 2 · 1 without a step that is known" in words
    assert [label.get_text() for label in ax.get_yticklabels()] == ["bo", "ann"]
    at = {text.get_position() for text in ax.texts if text.get_text() == "1"}
    assert at == {(4, 0), (4, 1)}


def test_each_tick_of_the_failing_steps_stands_at_the_edge_of_a_tenth():
    ax = plot_failing_steps(LOOPS, {"a": "s2", "b": "s1"})
    assert ax.get_xticks().tolist() == [edge - 0.5 for edge in range(11)]
    assert [label.get_text() for label in ax.get_xticklabels()][::5] == ["0", "50", "100"]


def test_the_title_of_failing_steps_says_before_where_none_fails():
    traces = [walk(str(n), *["look"] * 9) for n in range(10)]
    steps = {str(n): "s8" if n else "s3" for n in range(10)}
    title = "9 of 10 failing traces go wrong at 80 to 90% of their steps, none before 30%"
    assert title_of(plot_failing_steps(traces, steps)) == title


def test_the_cells_between_the_percents_of_the_title_hold_as_many_traces_as_it_says():
    traces = []
    steps = {}
    for length in range(1, 31):
        for position in range(1, length + 1, 3):
            id_ = f"{length}-{position}"
            traces.append(walk(id_, *["look"] * length))
            steps[id_] = f"s{position}"
    ax = plot_failing_steps(traces, steps)
    n_between, _, n_all, *_, first, _, last, _, _, _ = title_of(ax).split()
    held = {}
    for text in ax.texts:
        column, row = text.get_position()
        if row in (0, 1) and text.get_text().isdigit():
            held[column, row] = int(text.get_text())
    assert sum(held.values()) == int(n_all) == len(traces)
    between = range(int(first) // 10, int(last.strip("%")) // 10)
    assert sum(n for (column, _), n in held.items() if column in between) == int(n_between)
    assert 0.8 * len(traces) <= int(n_between) < len(traces)


def test_a_plot_of_steps_uses_the_axes_that_it_is_given_and_hostile_names_stay_text(written):
    ax = new_axes(200)
    hostile = [walk("a", r"$\frac{", "<b>")]
    assert plot_transitions(hostile, ax) is ax
    assert "<b>" in written(ax)
    other = new_axes(200)
    assert plot_failing_steps(hostile, {"a": "s1"}, other) is other
