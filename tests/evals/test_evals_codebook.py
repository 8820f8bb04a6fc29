"""From reasons to codes to failure modes: what is suggested counts for nothing until somebody
confirms it.
"""

import json
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from toolkit.evals import (
    Codebook,
    FailureMode,
    Label,
    LabelStore,
    ask_for_codes,
    cluster_reasons,
    match_modes,
)
from toolkit.harbor import FAILURE_MODES, load_labels, load_traces, load_truth
from toolkit.harbor.raters import rate_all
from toolkit.models import Answer, ScriptedModel


def label(n, verdict="fail", why="It is rude.", rater="ada", kind="human", trace=None):
    return Label(trace or f"t{n}", rater, verdict, why, kind, id=f"l{n}")


LABELS = [label(1), label(2), label(3), label(4, "pass"), label(5, "defer")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "codes.jsonl"


@pytest.fixture
def book(path):
    return Codebook(path, LABELS)


def counted(book, of="codes"):
    return {row["name"]: row["traces"] for row in book.counts(of).to_dict("records")}


def test_a_suggestion_counts_nowhere_until_a_person_confirms_it(book):
    assert book.suggest({"rude": ["l1", "l2"]}, by="clusters") == 2
    assert {one.status for one in book.now.codings} == {"suggested"}
    assert (counted(book), book.saturation().empty, book.now.confirmed) == ({}, True, ())
    with pytest.raises(ValueError, match="confirmed by nobody"):
        book.merge(FailureMode("rude", "Is not polite.", ("rude",), by="ada"))
    book.confirm("rude", by="ada", label_ids=["l1"])
    assert counted(book) == {"rude": 1}
    assert book.counts("codes")["coded_by"][0] == "ada (human), suggested by clusters (computed)"
    book.confirm("rude", by="ada")
    assert counted(book) == {"rude": 2}


@pytest.mark.parametrize(
    "act",
    [
        lambda book: book.confirm("rude", by="claude", kind="model"),
        lambda book: book.dismiss("rude", by="claude", kind="model"),
        lambda book: book.code("l1", "rude", by="claude", kind="model"),
        lambda book: book.code("l1", "rude", by="clusters", kind="computed"),
        lambda book: book.confirm("rude", by=" "),
        lambda book: book.confirm("polite", by="ada"),
        lambda book: book.confirm("rude", by="ada", label_ids=["l3"]),
        lambda book: book.code("nowhere", "rude", by="ada"),
        lambda book: book.code("l1", "  ", by="ada"),
        lambda book: book.suggest({"rude": ["nowhere"]}, by="clusters"),
        lambda book: book.merge(FailureMode("m", "d", ("rude",), by="claude", kind="model")),
        lambda book: FailureMode("m", " ", (), by="ada"),
        lambda book: FailureMode("m", "d", (), by="ada", include={"t1": ""}),
        lambda book: FailureMode(
            "m", "d", (), by="ada", include={"t1": "so"}, exclude={"t1": "not so"}
        ),
    ],
)
def test_what_may_not_be_is_refused_and_leaves_the_file_as_it_was(book, path, act):
    book.suggest({"rude": ["l1"]}, by="clusters")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"."):
        act(book)
    assert path.read_bytes() == before


def test_what_was_decided_is_not_suggested_again(book):
    book.suggest({"rude": ["l1", "l1", "l2"], "": ["l1"]}, by="clusters")
    book.dismiss("rude", by="ada", label_ids=["l1"])
    book.confirm("rude", by="ada", label_ids=["l2"])
    assert book.suggest({"rude": ["l1", "l2"]}, by="clusters") == 0
    assert counted(book) == {"rude": 1}


def test_a_reason_can_carry_several_codes_and_a_trace_counts_once(path):
    book = Codebook(path, [label(1), label(2, rater="bo", trace="t1"), label(3)])
    book.code("l1", "rude", "late", by="ada")
    book.code("l2", "rude", by="bo")
    assert counted(book) == {"rude": 1, "late": 1}
    book.merge(FailureMode("bad manners", "What a host would not do.", ("rude", "late"), by="ada"))
    assert counted(book, "modes") == {"bad manners": 1}


def test_counts_have_wilsons_interval_over_labelled_traces_and_tell_what_is_missing(book):
    book.code("l1", "rude", by="ada")
    book.code("l5", "rude", by="ada")
    (row,) = book.counts("codes").to_dict("records")
    assert (row["traces"], row["n"], row["n_deferred"], row["n_uncoded"]) == (1, 4, 1, 2)
    assert (row["low"], row["high"]) == pytest.approx(proportion_confint(1, 4, method="wilson"))
    book.code("l2", by="ada")
    assert book.counts("codes")["n_uncoded"][0] == 1


def test_where_all_is_deferred_there_is_no_share(path):
    book = Codebook(path, [label(1, "defer")])
    book.code("l1", "rude", by="ada")
    (row,) = book.counts("codes").astype(object).to_dict("records")
    assert (row["n"], row["n_deferred"], row["share"], row["low"]) == (0, 1, None, None)


def test_saturation_counts_new_codes_in_the_order_of_reading_and_only_what_was_read(book):
    book.code("l3", "late", by="ada")
    book.code("l1", "rude", "late", by="ada")
    book.code("l4", by="ada")
    book.suggest({"curt": ["l2"]}, by="clusters")
    frame = book.saturation()
    assert frame["trace_id"].tolist() == ["t1", "t3", "t4"]
    assert frame["new"].tolist() == [2, 0, 0]
    assert frame["codes"].tolist() == [2, 2, 2]


def test_a_label_that_is_taken_back_takes_its_codes_along(path, tmp_path):
    store = LabelStore(tmp_path / "labels.jsonl", make=True)
    store.add(label(1))
    book = Codebook(path, store)
    book.code("l1", "rude", by="ada")
    store.add(label(2))
    assert book.counts("codes")["n"][0] == 2
    store.undo()
    store.undo()
    assert counted(book) == {"rude": 0}


def test_undo_takes_no_line_along_that_was_written_by_hand_and_what_a_model_decided_is_no_line(
    book, path
):
    book.code("l1", "rude", by="ada")
    line = json.loads(path.read_text())
    changes = [{"act": "1"}, {"act": ""}, {"act": "2", "kind": "model"}, {"act": "3", "by": " "}]
    with path.open("a") as file:
        for n, change in enumerate(changes):
            file.write(json.dumps(line | {"label_id": "l2", "code": f"c{n}"} | change) + "\n")
    assert len(book.problems) == 2
    for taken in (["c0"], ["rude"], []):
        assert [one.code for one in book.undo("ada")] == taken
    assert [one.code for one in book.now.confirmed] == ["c1"]


def test_a_failure_mode_of_a_simulated_coder_makes_the_codebook_simulated(book):
    book.code("l1", "rude", by="ada")
    book.merge(FailureMode("rude", "Is not polite.", ("rude",), by="ada"))
    assert not book.simulated
    book.merge(FailureMode("rude", "Is not polite.", ("rude",), by="sim-coder", kind="simulated"))
    assert book.simulated


def test_undo_takes_back_a_whole_action_and_what_it_replaced_counts_again(book):
    book.suggest({"rude": ["l1", "l2"]}, by="clusters")
    book.confirm("rude", by="ada")
    book.merge(FailureMode("m", "one", ("rude",), by="ada"))
    book.merge(FailureMode("m", "two", ("rude",), by="bo"))
    assert [one.definition for one in book.undo()] == ["two"]
    assert [mode.definition for mode in book.now.modes] == ["one"]
    book.undo()
    assert len(book.undo(by="ada")) == 2
    assert {one.status for one in book.now.codings} == {"suggested"}
    assert book.undo(by="ada") == []
    assert len(book.undo()) == 2
    assert book.undo() == []


def test_a_code_belongs_to_one_mode(book):
    book.code("l1", "rude", "late", by="ada")
    book.merge(
        FailureMode("tone", "How it is said.", ("rude",), by="ada", include={"t1": "calls names"})
    )
    with pytest.raises(ValueError, match="belongs to 'tone'"):
        book.merge(FailureMode("time", "When it is said.", ("late", "rude"), by="ada"))
    book.merge(FailureMode("tone", "How and when.", ("late", "rude"), by="ada"))
    assert book.now.modes[0].include == {}
    assert counted(book, "modes") == {"tone": 1}


def test_a_frozen_version_stays_as_it_was_and_a_change_makes_a_new_one(book, path):
    book.code("l1", "rude", by="ada")
    first = book.freeze(by="ada")
    assert book.freeze(by="bo") == first
    book.code("l2", "rude", by="ada")
    second = book.freeze(by="ada")
    book.undo()
    assert (first.number, second.number, first.by) == (1, 2, "ada")
    assert first.hash != second.hash
    again = Codebook(path, LABELS)
    assert again.versions() == [first, second]
    assert again.now.hash == first.hash
    assert [one.label_id for one in second.confirmed] == ["l1", "l2"]


@pytest.mark.parametrize("tamper", [("rude", "kind"), ('"hash":"', '"bash":"')])
def test_a_frozen_version_that_was_tampered_with_is_a_problem_with_its_line(book, path, tamper):
    book.code("l1", "rude", by="ada")
    book.freeze(by="ada")
    head, last = path.read_text().splitlines()
    path.write_text(f"{head}\n{last.replace(*tamper)}\n")
    assert book.versions() == []
    assert "codes.jsonl:2" in str(book.problems[0])


def test_a_bad_line_is_named_and_the_others_count(book, path):
    book.code("l1", "rude", by="ada")
    with path.open("a") as file:
        file.write('{"label_id": "l2"}\n')
    book.code("l2", "rude", by="ada")
    assert counted(book) == {"rude": 2}
    assert [error.line for error in book.problems] == [2]


ACTS = st.tuples(
    st.sampled_from(["suggest", "confirm", "dismiss", "code"]),
    st.sampled_from("ab"),
    st.integers(1, 3),
)


@settings(max_examples=60, deadline=None)
@given(acts=st.lists(ACTS, max_size=15))
def test_the_file_says_what_a_plain_dict_of_statuses_says(acts, tmp_path_factory):
    path = tmp_path_factory.mktemp("codes") / "codes.jsonl"
    meant = {}
    for act, code, n in acts:
        book, now = Codebook(path, LABELS), meant.get((code, n))
        if act == "suggest":
            book.suggest({code: [f"l{n}"]}, by="clusters")
            meant.setdefault((code, n), "suggested")
        elif act == "code":
            book.code(f"l{n}", code, by="ada")
            meant[code, n] = "confirmed"
        elif now == "suggested" or (act == "dismiss" and now == "confirmed"):
            getattr(book, act)(code, by="ada", label_ids=[f"l{n}"])
            meant[code, n] = f"{act}ed"
    found = {
        (one.code, int(one.label_id[1:])): one.status for one in Codebook(path, LABELS).now.codings
    }
    assert found == meant


THEMES = ["refund amount is wrong", "wrong booking was changed", "answers in the wrong language"]


def test_reasons_alike_are_grouped_and_named_by_their_words_in_any_order():
    labels = [
        label(10 * n + m, why=f"{theme} ({m})")
        for n, theme in enumerate(THEMES)
        for m in range(1, 5)
    ]
    labels += [label(99, "pass", why=THEMES[0])]
    found = cluster_reasons(labels)
    groups = {frozenset(ids) for ids in found.values()}
    assert groups == {frozenset(f"l{10 * n + m}" for m in range(1, 5)) for n in range(3)}
    assert any("language" in name for name in found)
    assert {frozenset(ids) for ids in cluster_reasons(labels[::-1]).values()} == groups


def test_groups_without_a_word_of_their_own_have_a_number():
    both = ["it is not"] * 3 + ["42 42"] * 3
    assert sorted(cluster_reasons([label(n, why=why) for n, why in enumerate(both)])) == [
        "group #1",
        "group #2",
    ]
    mixed = ["it is not"] * 3 + ["rude words"] * 3
    names = sorted(cluster_reasons([label(n, why=why) for n, why in enumerate(mixed)]))
    assert [name.rstrip("12") for name in names] == ["group #", "rude, words"]


@pytest.mark.parametrize("whys", [[], ["only one"], ["no", "words", "shared"], ["…", "!!"]])
def test_reasons_that_share_nothing_give_no_code(whys):
    assert cluster_reasons([label(n, why=why) for n, why in enumerate(whys)]) == {}


async def test_a_model_suggests_codes_and_a_scripted_one_stays_simulated(book):
    def policy(request):
        reasons = [json.loads(line) for line in request.messages[0]["content"].splitlines()]
        assert [one["why"] for one in reasons[1:]] == ["It is rude."] * 3
        return Answer(data={"codes": [{"name": "rude", "reasons": [0, 2]}]})

    codes, kind = await ask_for_codes(ScriptedModel(policy), book.labels, known=["late"])
    assert (codes, kind) == ({"rude": ["l1", "l3"]}, "simulated")
    book.suggest(codes, by="scripted", kind=kind)
    book.confirm("rude", by="ada")
    assert "suggested by scripted (simulated)" in book.counts("codes")["coded_by"][0]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(data={"codes": [{"name": "rude", "reasons": [0, 3]}]}),
        Answer(data={"codes": [{"name": "rude", "reasons": [-1]}]}),
        Answer(data={"codes": [{"name": "rude"}]}),
        Answer("rude, mostly"),
        Answer(stopped="refusal"),
        Answer(stopped="max_tokens"),
        Answer("over", status=529),
    ],
)
async def test_a_model_that_gives_no_clear_answer_suggests_nothing(answer):
    with pytest.raises(ValueError, match="no codes from"):
        await ask_for_codes(ScriptedModel(lambda request: answer), LABELS)


async def test_a_model_is_asked_about_some_reasons_and_not_too_many():
    for labels in ([], [label(n) for n in range(201)]):
        with pytest.raises(ValueError, match="1 to 200"):
            await ask_for_codes(ScriptedModel(lambda request: Answer()), labels)


def frozen(path, labels):
    """All clusters of the reasons, each confirmed and made a mode by a simulated coder, who has not
    seen the truth.
    """
    book = Codebook(path, labels)
    book.suggest(cluster_reasons(book.labels), by="TF-IDF clusters")
    for code in dict.fromkeys(one.code for one in book.now.codings):
        book.confirm(code, by="sim-coder", kind="simulated")
        book.merge(
            FailureMode(
                code, f"Reasons with the words {code}.", (code,), by="sim-coder", kind="simulated"
            )
        )
    return book.freeze(by="sim-coder")


@pytest.fixture(scope="module")
def truth():
    return {one.trace_id: one.failure for one in load_truth()}


def test_on_harbor_clusters_of_the_simulated_reasons_find_what_was_planted(path, truth):
    """Measured: 8 of 8 at a Jaccard overlap of one half or more, with 4 groups more that match
    nothing.
    """
    match = match_modes(frozen(path, load_labels()), truth, at_least=0.5)
    assert set(match["planted"]) == set(FAILURE_MODES)
    assert match["found"].sum() >= 6
    assert match["mode"].is_unique


def test_on_harbor_other_draws_of_the_simulated_raters_are_found_as_well(tmp_path, truth):
    """Measured on seeds 200 to 219: 7.9 of 8 on average, 7 at least. The method was chosen on seeds
    100 to 109.
    """
    traces, truths = load_traces(), load_truth()
    books = (
        frozen(tmp_path / f"{seed}.jsonl", rate_all(traces, truths, seed))
        for seed in range(200, 203)
    )
    assert all(match_modes(book, truth)["found"].sum() >= 6 for book in books)


@pytest.mark.parametrize("rater", ["sim-robin", "sim-alex"])
def test_on_harbor_one_rater_alone_leaves_the_phrases_apart(path, truth, rater):
    """The limit of the method, measured: none of 8. It is the second rater's words that tie phrases
    together.
    """
    match = match_modes(frozen(path, [one for one in load_labels() if one.rater == rater]), truth)
    assert match["found"].sum() <= 1


def test_reasons_that_are_shuffled_among_the_failed_traces_find_nothing(path, truth):
    """The check on the check: where reasons no longer belong to their traces, the match must fail."""
    failed = [one for one in load_labels() if one.verdict == "fail"]
    whys = [one.why for one in failed]
    moved = [
        Label(one.trace_id, one.rater, "fail", whys[7 * n % len(whys)], "simulated")
        for n, one in enumerate(failed)
    ]
    assert match_modes(frozen(path, moved), truth)["found"].sum() <= 1


def test_the_truth_is_not_opened_for_a_codebook_that_is_not_frozen(book):
    with pytest.raises(ValueError, match="freeze the codebook first"):
        match_modes(book.now, {"t1": "rude"})


def test_a_match_is_one_to_one_and_tells_what_was_not_found(book):
    book.code("l1", "rude", by="ada")
    book.code("l2", "rude", by="ada")
    book.merge(FailureMode("tone", "How it is said.", ("rude",), by="ada"))
    match = match_modes(
        book.freeze(by="ada"), {"t1": "curt", "t2": "curt", "t3": "late", "t4": None}
    )
    rows = {row["planted"]: row for row in match.to_dict("records")}
    assert (rows["curt"]["mode"], rows["curt"]["overlap"], rows["curt"]["found"]) == (
        "tone",
        1.0,
        True,
    )
    assert (rows["late"]["overlap"], rows["late"]["found"]) == (0.0, False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abc")), min_size=1, max_size=12))
def test_the_match_is_the_best_of_all_one_to_one_matches(rows):
    """Against every assignment, one by one."""
    import tempfile
    from itertools import permutations

    labels = [label(n) for n in range(len(rows))]
    with tempfile.TemporaryDirectory() as folder:
        book = Codebook(f"{folder}/codes.jsonl", labels)
        for n, (code, _) in enumerate(rows):
            book.code(f"l{n}", code, by="ada")
        for code in sorted({code for code, _ in rows}):
            book.merge(FailureMode(code, "d", (code,), by="ada"))
        match = match_modes(
            book.freeze(by="ada"), {f"t{n}": name for n, (_, name) in enumerate(rows)}
        )

    def overlap(code, name):
        one, other = (
            {n for n, row in enumerate(rows) if row[side] == what}
            for side, what in ((0, code), (1, name))
        )
        return len(one & other) / len(one | other)

    codes, names = (sorted({row[side] for row in rows}) for side in (0, 1))
    codes += [None] * len(names)
    best = max(
        sum(overlap(c, n) for c, n in zip(p, names, strict=False) if c)
        for p in permutations(codes, len(names))
    )
    assert match["overlap"].sum() == pytest.approx(best)


def test_a_code_is_one_code_in_whatever_letters_it_is_written(book, path):
    book.code("l1", "Slow", by="ada")
    book.code("l2", " slow", by="ben")
    book.code("l3", "SLOW ", by="ada")
    assert counted(book) == {"Slow": 3}
    book.merge(FailureMode("Speed", "It takes too long.", ("slow",), by="ada"))
    book.merge(FailureMode("speed", "It takes far too long.", ("SLOW",), by="ben"))
    assert [(mode.name, mode.codes) for mode in Codebook(path, LABELS).now.modes] == [
        ("Speed", ("Slow",))
    ]
    assert book.suggest({"sLOW": ["l1"]}, by="clusters") == 0


def test_a_code_with_another_apostrophe_or_space_is_the_one_that_was_there(book):
    book.code("l1", "doesn't ask", by="ada")
    book.code("l2", "doesn’t\u00a0ask", by="ben")
    assert counted(book) == {"doesn't ask": 2}


def test_codes_that_another_program_wrote_in_other_letters_are_read_as_one(book, path):
    lines = [("l1", "café"), ("l2", unicodedata.normalize("NFD", "Café"))]
    rows = [
        {
            "label_id": id_,
            "trace_id": f"t{id_[1]}",
            "code": code,
            "status": "confirmed",
            "by": "ada",
            "kind": "human",
        }
        for id_, code in lines
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert counted(book) == {"café": 2}


def test_the_last_entry_of_a_codebook_counts_without_a_line_end(book, path):
    book.code("l1", "rude", by="ada")
    version = book.freeze("ada")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    book.code("l2", "rude", by="ada")
    assert Codebook(path, LABELS).versions() == [version]
    assert counted(book) == {"rude": 2}


def test_labels_that_share_an_id_are_named_and_are_not_coded_for_each_other(path):
    shared = [label(1), Label("t9", "ben", "fail", "It is slow.", id="l1"), label(2)]
    book = Codebook(path, shared)
    assert "several labels have the id l1" in str(book.problems[0])
    with pytest.raises(ValueError, match="give each an id of its own"):
        book.code("l1", "rude", by="ada")
    book.code("l2", "rude", by="ada")
    assert book.counts("codes")["n"].tolist() == [3]


def test_an_action_of_anothers_with_the_same_id_is_not_taken_back(book, path):
    for by in ("ada", "ben"):
        book.code("l1" if by == "ada" else "l2", "rude", by=by)
    rows = [json.loads(line) | {"act": "shared"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [entry.by for entry in book.undo("ben")] == ["ben"]
    assert [entry.by for entry in book.now.codings] == ["ada"]


def test_versions_that_are_frozen_at_once_get_numbers_of_their_own(path):
    book = Codebook(path, LABELS)

    def code_and_freeze(n):
        own = Codebook(path, LABELS)
        own.code(f"l{n % 3 + 1}", f"code {n}", by="ada")
        return own.freeze(f"rater {n}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(code_and_freeze, range(12)))
    numbers = [version.number for version in book.versions()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_code_cannot_be_put_into_two_failure_modes_at_once(path):
    book = Codebook(path, LABELS)
    book.code("l1", "rude", by="ada")

    def merge(n):
        try:
            Codebook(path, LABELS).merge(
                FailureMode(f"mode {n}", "Is not polite.", ("rude",), by="ada")
            )
        except ValueError:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(merge, range(8))) == 1
    assert len(book.now.modes) == 1


def test_a_failure_mode_is_shown_by_its_words_and_escaped():
    mode = FailureMode("tone", "How it is <b>said</b>.", ("rude", "<i>"), by="ada")
    shown = mode._repr_html_()
    assert "How it is &lt;b&gt;said&lt;/b&gt;." in shown
    assert '<span class="badge">&lt;i&gt;</span>' in shown
    assert "by ada (human)" in shown
