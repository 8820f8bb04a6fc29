"""What names a topic, and what counts as one text: words that tell, and no copies."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.evals import fit_topics
from toolkit.evals.topics.copies import first_alike
from toolkit.evals.topics.dull import names_in
from toolkit.evals.topics.naming import named_topics
from toolkit.traces import Step, Trace, read_traces

pytestmark = pytest.mark.timeout(600)
WORDS = st.lists(st.sampled_from("move cancel the my booking flight to of bag seat".split()))
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=8).map(str.title)
DAYS = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
AIRLINE = "tau-bench-airline/gpt-4o-airline.json"


def stored(data_dir, name):
    path = data_dir / name
    if not path.exists():
        pytest.skip(f"{name} is not in {data_dir}")
    return path


@given(NAMES, WORDS, WORDS)
def test_a_word_that_has_a_capital_within_sentences_is_a_name_until_it_is_seen_small(
    name, before, after
):
    beginning = "please and then "
    text = f"{beginning}{' '.join(before)} {name} {' '.join(after)} as it was."
    is_word = name.lower() in text.replace(name, "").lower().split()
    assert names_in([text.capitalize()]) == set()  # capitals at the begin alone
    if not is_word:
        text = "I ask: " + text
        assert name.lower() in names_in([text])
        assert name.lower() not in names_in([text, f"It is so that a {name.lower()} Rome"])


@pytest.mark.parametrize(
    "text",
    [
        "Ich habe die Reservierung für den Samstag und will nur das Geld für meine Mutter.",
        "The Big Book Of How To Cancel A Flight",
        "my name is noah and i want my bike",
    ],
)
def test_nouns_in_german_titles_and_texts_in_small_letters_tell_no_names(text):
    assert names_in([text]) == set()


@given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_texts_that_differ_in_numbers_case_and_signs_alone_are_one_and_others_are_not(texts):
    firsts = first_alike(texts, texts)
    assert (firsts <= np.arange(len(texts))).all()
    assert (firsts[firsts] == firsts).all()
    again = [f"{text.upper()} 17!" for text in texts]
    openings = [f"I would like to move this one: {text}" for text in texts]
    twice = first_alike(openings + openings, texts + again)
    assert (twice[len(texts) :] == twice[: len(texts)]).all()


def test_texts_that_share_a_greeting_or_the_frame_of_a_prompt_are_no_copies():
    frame = "Answer the question about this text in one word, please:"
    texts = [f"{frame} {topic}" for topic in ("refunds", "brakes", "delays")]
    assert first_alike(texts, texts).tolist() == [0, 1, 2]
    assert first_alike(
        ["Hi there"] * 2, ["Hi there\n\nmy bag", "Hi there\n\nmy seat"]
    ).tolist() == [
        0,
        1,
    ]


def airline_trials(data_dir):
    """Each trace twice, the second time with another word at its end."""
    traces = read_traces(stored(data_dir, AIRLINE))[:60]
    again = []
    for trace in traces:
        last = Step("last", "message", "user", "thanks, that is all")
        again.append(Trace(f"{trace.id}-again", [*trace.steps, last], source=trace.source))
    return traces, again


def test_trials_of_one_case_count_as_one_text_and_the_map_says_how_many_they_are(data_dir):
    traces, again = airline_trials(data_dir)
    single, double = fit_topics(traces), fit_topics([*traces, *again])
    assert (double.labels[: len(traces)] == double.labels[len(traces) :]).all()
    assert len(double.fitted) == len(single.fitted)
    assert len(double.topics) == len(single.topics)
    assert double.topics["size"].sum() == 2 * len(traces)
    copies = 2 * len(traces) - len(double.fitted)
    (note,) = [note for note in double.warnings if "begin as another one does" in note]
    assert note.startswith(f"{copies} of 120 texts begin as")
    assert note.endswith("and each copy is counted with the text that it copies")
    assert double.stability(1).mean > 0


def test_where_hardly_anything_but_copies_is_left_they_make_topics_of_their_own():
    lines = ["please mend the brakes of my bike", "please send the refund to my card"]
    found = fit_topics(lines * 10)
    assert len(found.fitted) == 20
    assert any("look the same" in note for note in found.warnings)


def test_no_person_and_no_day_names_a_topic_of_airline_traces(data_dir):
    traces = read_traces(stored(data_dir, AIRLINE))
    found = fit_topics(traces)
    users = json.loads(stored(data_dir, "tau-bench-airline/users.json").read_text())
    people = set()
    for user in users.values():
        people.update(user["name"][part].lower() for part in ("first_name", "last_name"))
    words = set(", ".join(found.topics["words"]).split(", "))
    assert words.isdisjoint(people - {"young", "white", "brown", "green", "silver"})
    assert words.isdisjoint(DAYS)
    assert {"cancel", "refund", "insurance"} <= words
    for row in found.topics.itertuples():
        assert row.size < len(traces) / 2
        (first,) = [trace for trace in traces if trace.id == row.examples[0]]
        assert any(row.sentence in step.content for step in first.steps)


def test_a_topic_of_questions_to_a_bank_is_named_by_words_of_more_than_one_of_them(data_dir):
    texts = pd.read_csv(stored(data_dir, "banking77/test.csv"))["text"][:600]
    found = fit_topics(texts)
    assert len(found.topics) >= 3
    for row in found.topics.itertuples():
        members = texts[found.labels == row.topic].str.lower()
        for word in row.words.split(", "):
            assert members.str.contains(word, regex=False).sum() >= 2


def named(texts_of_topics):
    """The topics of texts that are given topic by topic, each at a place of its own."""
    texts = [text for texts in texts_of_topics for text in texts]
    labels = np.repeat(range(len(texts_of_topics)), [len(texts) for texts in texts_of_topics])
    return named_topics(texts, labels, np.eye(len(texts)), list(range(len(texts))))


def test_greetings_and_words_that_are_about_as_common_in_all_topics_name_none():
    found = named(
        [
            ["Hey, one more time: the brakes squeak", "Perfect. This time the brakes are loose"]
            * 4,
            ["Hallo, my refund is late this time", "Merci, a refund any time soon"] * 4,
            ["Hey, each time the saddle slips", "Great, some other time mend the saddle"] * 4,
        ]
    )
    words = set(", ".join(found["words"]).split(", "))
    assert {"brakes", "refund", "saddle"} <= words
    assert words.isdisjoint({"time", "hey", "hallo", "merci", "perfect", "great"})


def test_the_sentence_of_a_topic_is_the_one_that_tells_most_of_it_and_has_five_words_or_more():
    brakes = ["Not even the brakes? The front brakes squeak on wet days. Mend brakes."] * 3
    found = named([brakes, ["Where is my refund for the bike?"] * 3])
    assert found["sentence"].tolist() == [
        "The front brakes squeak on wet days.",
        "Where is my refund for the bike?",
    ]


def test_a_topic_with_one_distinct_word_is_named_by_others_too():
    found = named(
        [
            ["Shift my booking of the bike", "Shift the bike and the booking"] * 4,
            ["Refund my booking of the bike", "The bike booking: a refund, in cash"] * 4,
        ]
    )
    assert set(found["words"][0].split(", ")) >= {"shift", "bike"}
