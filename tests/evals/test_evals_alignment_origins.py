"""Whoever labelled, judged and made the traces is known of every result, and of whatever is made of
it.
"""

from collections.abc import Iterable, Mapping

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from toolkit.evals import (
    Agreement,
    Alignment,
    AnnotatorTest,
    Codebook,
    Estimate,
    JudgeComparison,
    Label,
    Verdict,
    agreement,
    align,
    alignments_frame,
    annotator_test,
    compare_judges,
    corrected_rate,
    retest,
    trusted,
)
from toolkit.evals.alignment.disagreements import Disagreements
from toolkit.evals.alignment.origin import Origin
from toolkit.evals.judges.probes import Preference, probe_position
from toolkit.views import (
    plot_agreement,
    plot_alignment,
    plot_corrected,
    plot_rates,
    plot_versions,
    plot_widths,
)

SOURCES = ("live", "imported", "simulated")
ORIGINS = [
    {"human_kind": kind, "judge_source": judge, "trace_source": traces}
    for kind, judge, traces in (
        ("human", "live", "imported"),
        ("human", "live", "simulated"),
        ("model", "simulated", "live"),
        ("simulated", "simulated", "simulated"),
    )
]
LABELS = ["pass", "fail"] * 10
SAID = ["pass", "fail"] * 8 + ["pass", "pass", "fail", None]
RATINGS = pd.DataFrame({"ann": LABELS, "bo": LABELS, "cy": SAID})


def aligned(origin):
    return align(LABELS, SAID, slices=["de", "en"] * 10, **origin)


RESULTS = {
    Alignment: aligned,
    Agreement: lambda origin: agreement(RATINGS, resamples=20, **origin),
    AnnotatorTest: lambda origin: annotator_test(RATINGS, SAID, min_items=5, **origin),
    Disagreements: lambda origin: aligned(origin).disagreements(),
    Estimate: lambda origin: corrected_rate(aligned(origin), ["pass", "fail"], resamples=50),
    JudgeComparison: lambda origin: compare_judges(aligned(origin), aligned(origin)),
}


def all_subclasses(cls):
    return {cls for child in cls.__subclasses__() for cls in (child, *all_subclasses(child))}


def folds_of(result):
    """What the public properties and methods without arguments give that has an origin of its own."""
    for name in dir(type(result)):
        if name.startswith("_") or name == "origin":
            continue
        value = getattr(result, name)
        if callable(value):
            try:
                value = value()
            except TypeError:  # it wants arguments
                continue
        parts = value.values() if isinstance(value, Mapping) else [value]
        for part in parts if isinstance(parts, Iterable) else ():
            if isinstance(part, Origin):
                yield name, part.origin
            elif isinstance(part, pd.DataFrame) and set(Origin().origin) <= set(part):
                for row in part[list(Origin().origin)].to_dict("records"):
                    yield name, row


def test_each_class_with_an_origin_is_tried_here():
    ours = {cls for cls in all_subclasses(Origin) if cls.__module__.startswith("toolkit.")}
    assert ours == set(RESULTS)


@pytest.mark.parametrize("cls", list(RESULTS), ids=lambda cls: cls.__name__)
def test_no_result_and_no_fold_of_it_loses_where_it_comes_from(cls):
    for origin in ORIGINS:
        result = RESULTS[cls](origin)
        assert result.origin == origin
        assert result.simulated == ("simulated" in origin.values())
        for name, kept in folds_of(result):
            assert kept == origin, name


def test_slices_policies_and_tables_are_among_the_folds_that_are_tried():
    names = {name for name, _ in folds_of(aligned(ORIGINS[0]))}
    assert {"by_slice", "policies", "disagreements"} <= names
    assert alignments_frame({"one": aligned(ORIGINS[-1])}).loc["one", "trace_source"] == "simulated"


@pytest.mark.parametrize("traces", SOURCES)
def test_every_view_of_simulated_traces_is_stamped(traces):
    origin = {"human_kind": "human", "judge_source": "live", "trace_source": traces}
    whole = aligned(origin)
    axes = [
        plot_alignment(whole),
        plot_rates(whole.by_slice()),
        plot_versions(whole.by_slice()),
        plot_widths(whole),
        plot_corrected({"one": RESULTS[Estimate](origin)}),
        plot_agreement(RESULTS[Agreement](origin)),
    ]
    for ax in axes:
        words = [text.get_text() for text in ax.texts]
        assert ("simulated" in words) == (traces == "simulated")
    plt.close("all")
    for sentence in (
        trusted(whole).title,
        whole.disagreements().title,
        RESULTS[AnnotatorTest](origin).title,
    ):
        assert ("The traces are simulated" in sentence) == (traces == "simulated")


def test_a_mixture_is_as_simulated_as_its_least_real_part():
    live, other = (aligned(origin) for origin in (ORIGINS[0], ORIGINS[-1]))
    assert compare_judges(live, other).origin == dict.fromkeys(Origin().origin, "simulated")


def verdicts(source="live", traces="simulated"):
    return [
        Verdict(f"t{at}", said, "c", "", source, "h", trace_source=traces)
        for at, said in enumerate(("pass", "fail"))
    ]


def test_verdicts_tell_the_source_of_their_traces_to_every_test_that_takes_them():
    people = pd.DataFrame(
        {"ann": LABELS[:2], "bo": LABELS[:2], "cy": LABELS[:2]}, index=["t0", "t1"]
    )
    assert retest(verdicts(), verdicts()).trace_source == "simulated"
    assert retest(verdicts(traces=None), verdicts(traces=None), trace_source="simulated").simulated
    assert (
        annotator_test(people, verdicts(), min_items=1, human_kind="human").trace_source
        == "simulated"
    )
    found = probe_position([Preference(("a", "b"), ("first", "second"), "live", "w", "simulated")])
    assert str(found).endswith("live, traces simulated")


def test_a_codebook_of_simulated_traces_is_simulated(tmp_path):
    label = Label("t1", "ada", "fail", "It is rude.")
    assert not Codebook(tmp_path / "a.jsonl", [label], trace_source="live").simulated
    assert Codebook(tmp_path / "a.jsonl", [label], trace_source=["live", "simulated"]).simulated
