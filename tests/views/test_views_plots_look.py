"""The look of plots: inks that follow the theme, text that can be read, nothing outside."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from toolkit.evals import (
    Experiment,
    Label,
    TrialResult,
    Verdict,
    agreement,
    align,
    compare,
    corrected_rate,
)
from toolkit.evals.labels.codebook import Codebook
from toolkit.harness.experiments import (
    POLICIES,
    Artefact,
    ContextRot,
    PairedReview,
    Probe,
    Recalled,
    Review,
    ablation_of,
    trap_of,
)
from toolkit.harness.experiments.ablation import FULL
from toolkit.look import INKS, SIZES
from toolkit.render import document, drawing, figure
from toolkit.sessions.lab import Fault
from toolkit.traces import Step, Trace
from toolkit.views import (
    plot_ablation,
    plot_agreement,
    plot_alignment,
    plot_comparisons,
    plot_context_rot,
    plot_corrected,
    plot_delivery,
    plot_failing_steps,
    plot_lengths,
    plot_loss,
    plot_pass_hat,
    plot_rates,
    plot_rules,
    plot_saturation,
    plot_tokens,
    plot_transitions,
    plot_trap,
    plot_versions,
    plot_widths,
)
from toolkit.views.plots import figures_of_width, new_axes, write_heading

READABLE = 4.5
SIMULATED = {"human_kind": "simulated", "judge_source": "simulated"}
LONG = "a-judge-with-quite-a-long-name-and-a-version-v"


def aligned():
    human = ["fail" if at % 4 == 0 else "pass" for at in range(60)]
    judge = [
        ("pass" if label == "fail" else "fail") if at % 7 == 0 else label
        for at, label in enumerate(human)
    ]
    return align(human, [*judge[:-1], None], **SIMULATED)


def transports():
    rows = []
    for number, arm in enumerate(["direct SSE", "durable over SSE, agent inside"]):
        times_s = tuple(0.1 * at if number or at < 5 else None for at in range(10))
        row = {"seed": 1, "arm": arm, "lost": 5 * (1 - number), "token_times_s": times_s}
        faults = (Fault(0.3, "cut"), Fault(0.4, "kill", 0.3))
        row["regenerated"] = 3 * number
        rows.append(row | {"broken": faults, "pace_s": 0.1, "source": "simulated"})
    return pd.DataFrame(rows)


def saturated(folder):
    labels = [Label(f"t{at}", "ann", "fail", "a reason", "simulated") for at in range(12)]
    book = Codebook(folder / "codes.jsonl", labels)
    for at, label in enumerate(labels):
        book.code(label.id, f"code {at // 5}", by="ann")
    return book


def judged():
    labels = [Label(f"t{at}", "ann", "pass" if at % 3 else "fail", "why") for at in range(30)]
    verdicts = []
    for at, label in enumerate(labels):
        words = "word " * (at + 1)
        verdicts.append(Verdict(label.trace_id, label.verdict, words, "", "simulated", "abcd"))
    return align(labels, verdicts)


def delivered():
    frame = pd.DataFrame({"time_s": range(8), "sent": range(0, 80, 10)})
    frame["received"] = [0, 10, 20, 20, 20, 50, 60, 70]
    return frame


def walk(id_):
    """A simulated trace of tools with long names."""
    steps = []
    for number in range(12):
        tool = f"look_up_what_the_order_{number % 11}_holds"
        data = {"agent": f"an-agent-of-a-long-name-{number}"}
        steps.append(Step(f"s{number + 1}", "tool.call", "assistant", tool, data=data))
    return Trace(id_, steps, source="simulated")


def experiment_of(name, modulus):
    results = []
    for at in range(60):
        passed = at % modulus > 0
        result = TrialResult(f"c{at // 4}", at % 4, "scored", passed=passed, source="simulated")
        results.append(result)
    return Experiment(name, results, 60, free={"c0", "c1", "c2"})


def broken_rules():
    rows = [("t0", f"{LONG}(with, arguments)", False), ("t1", f"{LONG}(with, arguments)", True)]
    rows += [("t0", "unscored", None), ("t1", "unscored", True)]
    return pd.DataFrame(rows, columns=["trace_id", "scorer", "value"], dtype=object)


def reviewed():
    """A trap in which self-review passes two defects in three, and another one in three."""
    pairs = []
    for at in range(30):
        defect = "a planted defect" if at < 18 else ""
        own = Review(at % 3 > 0, source="simulated", cost_usd=0.02)
        other = Review(at % 3 > 1, source="simulated", cost_usd=0.05)
        pairs.append(PairedReview(Artefact(f"a{at}", "", defect), own, other))
    return trap_of(pairs)


def ablated():
    """A harness in which each component is worth another part of the pass rate."""
    results = {}
    for arm, modulus in {FULL: 9, "separate evaluator": 2, "sprints": 8, "planner": 4}.items():
        results[arm] = []
        for at in range(80):
            passed = at * 7 % 10 % modulus > 0
            trial = TrialResult(f"t{at}", 0, "scored", passed=passed, source="simulated")
            results[arm].append(trial)
    return ablation_of(results, 0.1, 5.0)


def forgotten():
    """Recall that falls with the fill, under each policy."""
    answers = []
    for number, policy in enumerate(POLICIES):
        for at in range(60):
            fill = at % 3 / 2
            recalled = at * 7 % 10 > 3 * fill * (2 - number)
            answers.append((Probe(policy, fill, 0.5, at // 3), Recalled(recalled, 0, "simulated")))
    return ContextRot(tuple(answers))


def every_plot(folder):
    alignment = aligned()
    ratings = pd.DataFrame(
        {"ann": ["pass", "fail"] * 8, "bo": ["pass", "fail", "pass", "pass"] * 4}
    )
    lengths = pd.DataFrame({"id": ["a", "b", "c"], "steps": [3, 4, 60], "source": "simulated"})
    failed = [walk("t0"), walk("t1")]
    faults = [(2.5, "client killed"), (3.5, "client back"), (4.6, "server killed")]
    names = {f"{LONG}{number}": alignment for number in (1, 2)}
    first = experiment_of("the-agent-that-runs-now", 5)
    compared = {f"{LONG}{n}": compare(experiment_of("b", n), first, margin=0.05) for n in (2, 4)}
    many = ["pass", "pass", "fail", None] * 20
    estimates = {"rogan-gladen": corrected_rate(alignment, many, resamples=50)}
    return {
        "alignment": lambda ax=None: plot_alignment(alignment, ax),
        "rates": lambda ax=None: plot_rates(names, ax),
        "versions": lambda ax=None: plot_versions(names, ax),
        "agreement": lambda ax=None: plot_agreement(
            agreement(ratings, resamples=20, **SIMULATED), ax
        ),
        "corrected": lambda ax=None: plot_corrected(estimates, ax, truth=0.6),
        "widths": lambda ax=None: plot_widths(alignment, 500, ax),
        "delivery": lambda ax=None: plot_delivery(delivered(), faults, ax, simulated=True),
        "loss": lambda ax=None: plot_loss(transports(), ax),
        "tokens": lambda ax=None: plot_tokens(transports(), ax=ax),
        "lengths": lambda ax=None: plot_lengths(lengths, ax=ax),
        "pass^k": lambda ax=None: plot_pass_hat(first, ax=ax),
        "comparisons": lambda ax=None: plot_comparisons(compared, ax),
        "rules": lambda ax=None: plot_rules(failed, broken_rules(), ax),
        "transitions": lambda ax=None: plot_transitions(failed, ax),
        "failing": lambda ax=None: plot_failing_steps(failed, {"t0": "s1", "t1": "s12"}, ax),
        "trap": lambda ax=None: plot_trap(reviewed(), ax),
        "ablation": lambda ax=None: plot_ablation(ablated(), ax),
        "context rot": lambda ax=None: plot_context_rot(forgotten(), ax=ax),
        "saturation": lambda ax=None: plot_saturation(saturated(folder), ax),
    }


NAMES = "alignment rates versions agreement corrected widths delivery loss tokens".split()
NAMES += ["lengths", "saturation", "transitions", "failing", "pass^k", "comparisons", "rules"]
NAMES += ["trap", "ablation", "context rot"]


WIDTHS = {"notebook": 720, "page": 848, "phone": 358}


@pytest.fixture(scope="module")
def drawn(request, tmp_path_factory):
    name, width = request.param.split(" on a ")
    with figures_of_width(WIDTHS[width]):
        ax = every_plot(tmp_path_factory.mktemp("plots"))[name]()
    ax.figure.draw_without_rendering()
    return ax


each_plot = pytest.mark.parametrize(
    "drawn", [f"{name} on a {width}" for width in WIDTHS for name in NAMES], indirect=True
)


def contrast(one, other):
    """As WCAG 2.2 defines it."""

    def luminance(colour):
        parts = [int(to_hex(colour)[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def texts_of(ax):
    """All texts that are drawn: of the ticks, those within the axes."""
    texts = [*ax.texts, ax.xaxis.label, ax.yaxis.label]
    legend = ax.get_legend()
    texts += legend.get_texts() if legend else []
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
            if min(limits) <= at <= max(limits):
                texts.append(label)
    return [text for text in texts if text.get_text().strip()]


def inks_of(colour):
    """The ink that a colour stands for; two names may share one."""
    inks = [ink for ink in INKS.values() if to_hex(ink.light) == to_hex(colour)]
    assert inks, f"{colour} is no ink of the style sheet"
    return inks[0]


def ground_of(ax, text):
    """The ink of what a text stands on: a patch of the plot, or the page."""
    middle = text.get_window_extent().get_points().mean(axis=0)
    for patch in reversed(ax.patches):
        if patch.get_window_extent().contains(*middle):
            return inks_of(patch.get_facecolor())
    return INKS["page"]


def test_two_inks_that_are_one_on_a_light_ground_are_one_on_a_dark_one():
    pairs = {(ink.light, ink.dark) for ink in INKS.values()}
    assert len(pairs) == len({light for light, _ in pairs})


@each_plot
def test_every_text_can_be_read_in_light_and_dark(drawn):
    for text in texts_of(drawn):
        ink, ground = inks_of(text.get_color()), ground_of(drawn, text)
        assert text.get_alpha() is None
        assert contrast(ink.light, ground.light) >= READABLE, text
        assert contrast(ink.dark, ground.dark) >= READABLE, text


@each_plot
def test_every_text_has_a_size_of_the_style_sheet_and_is_inside_the_figure(drawn):
    page = Bbox.from_bounds(0, 0, *drawn.figure.bbox.size).padded(1)
    for text in texts_of(drawn):
        assert text.get_fontsize() in (SIZES["small"], SIZES["text"], SIZES["title"])
        box = text.get_window_extent()
        assert page.contains(box.x0, box.y0), text
        assert page.contains(box.x1, box.y1), text


@each_plot
def test_no_text_stands_on_another(drawn):
    boxes = [(text, text.get_window_extent().padded(-2)) for text in texts_of(drawn)]
    for at, (text, box) in enumerate(boxes):
        for other, other_box in boxes[at + 1 :]:
            assert not box.overlaps(other_box), (text, other)


@each_plot
def test_no_text_lies_across_the_edge_of_a_shade(drawn):
    for text in drawn.texts:
        if text.get_bbox_patch() or not text.get_text().strip():
            continue  # it stands on a ground of its own
        box = text.get_window_extent().padded(-1)
        for patch in drawn.patches:
            shade = patch.get_window_extent()
            if shade.overlaps(box):
                assert shade.contains(box.x0, box.y0), text
                assert shade.contains(box.x1, box.y1), text


@each_plot
def test_a_title_is_a_sentence_with_a_subtitle_and_says_what_is_simulated(drawn):
    title = " ".join(drawn.get_title(loc="left").split())
    assert len(title.split()) >= 4
    assert "Nothing" not in title
    assert "simulated" in [text.get_text() for text in drawn.texts]


@each_plot
def test_in_a_page_each_ink_is_the_name_of_one_that_follows_the_theme(drawn):
    svg = drawing(drawn.figure, "what is seen")
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", svg)) == set()
    assert set(re.findall(r"var\(--fb-([\w-]+)\)", svg)) <= set(INKS)
    assert 'aria-label="what is seen"' in svg
    assert "<style" not in svg
    assert "<script" not in svg


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_of_a_heading_is_left_with_a_word_alone(width):
    words = "Direct SSE, SSE with a buffer and bare WebSocket lose tokens; the other 4 lose none"
    with figures_of_width(WIDTHS[width]):
        ax = write_heading(new_axes(100), words, [f"{words} · n = 1", words], simulated=True)
    title, *small = [text.get_text() for text in ax.texts if "lose" in text.get_text()]
    title_lines = title.split("\n")
    assert " ".join(title_lines) == words
    assert min(map(len, title_lines)) > max(map(len, title_lines)) / 2
    assert "simulated" in [text.get_text() for text in ax.texts]
    assert small


@pytest.mark.parametrize("width", WIDTHS)
def test_a_line_of_a_heading_breaks_at_a_dot_and_never_ends_in_one(width):
    parts = [
        "good ones that pass: TPR 0.91 (0.85 to 0.95)",
        "failures found: TNR 0.80 (0.5 to 0.9)",
    ]
    parts.append("dotted: the rate that is wanted of a judge that may stand in for people")
    with figures_of_width(WIDTHS[width]):
        ax = write_heading(new_axes(100), "What is seen here", [" · ".join(parts)])
    lines = [text.get_text() for text in ax.texts]
    assert len(lines) > 2
    assert not [line for line in lines if line.endswith("·") or line.startswith("·")]
    for part in parts:
        assert width == "phone" or [line for line in lines if part in line]


def test_on_a_phone_the_stamp_stands_above_a_line_that_it_would_break():
    line = "Alignment with simulated labels: n = 324"
    with figures_of_width(WIDTHS["phone"]):
        ax = write_heading(new_axes(100), "What is seen here", [line], simulated=True)
        short = write_heading(new_axes(100), "What is seen here", ["n = 324"], simulated=True)
    assert line in [text.get_text() for text in ax.texts]
    heights = []
    for drawn in (ax, short):
        drawn.figure.draw_without_rendering()
        (stamp,) = [text for text in drawn.texts if text.get_text() == "simulated"]
        (words,) = [text for text in drawn.texts if "324" in text.get_text()]
        assert not stamp.get_window_extent().padded(-2).overlaps(words.get_window_extent())
        heights.append(stamp.get_window_extent().y0 - words.get_window_extent().y0)
    assert heights[0] > 10
    assert heights[1] < 10


def test_a_picture_is_html_that_follows_the_theme_and_a_png_of_the_same_width():
    picture = plot_alignment(aligned()).figure
    html = picture._repr_html_()
    assert ">The judge lets" in html
    assert "var(--fb-ink)" in html
    assert '[data-jp-theme-light="false"] :is(.fieldbook' in html
    png, about = picture._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20]) == 2 * about["width"]


def test_the_same_figures_make_the_same_html():
    one, other = (plot_alignment(aligned()).figure._repr_html_() for _ in range(2))
    assert one == other


def test_hostile_names_stay_text_in_a_page():
    hostile = "<script>alert(1)</script>"
    html = plot_rates({hostile: aligned()}).figure._repr_html_()
    assert "<script" not in html
    page = document("t", figure(plot_rates({hostile: aligned()}).figure, hostile))
    assert "<script" not in page


def test_axes_of_your_own_keep_their_figure_and_their_size(tmp_path):
    plots = every_plot(tmp_path)
    own = Figure(figsize=(30, 4))
    for plot, ax in zip(plots.values(), own.subplots(1, len(plots)), strict=True):
        assert plot(ax) is ax
    own.draw_without_rendering()
    assert own.get_size_inches().tolist() == [30, 4]
