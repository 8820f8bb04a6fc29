"""The results of the tour, as tiles and as sentences, say what was counted."""

from toolkit.tour.onward import next_steps
from toolkit.tour.tiles import delivery_sentence, delivery_tile

COUNTS = {
    "sent": 975,
    "lost": 0,
    "duplicated": 0,
    "reordered": 0,
    "sha256_match": True,
    "client_kills": 2,
    "client_cuts": 0,
    "server_kills": 1,
}


def test_the_tile_of_the_delivery_names_what_it_counts():
    tile = delivery_tile(COUNTS)
    assert tile.figures == (("0", "lost of 975 events sent"),)
    assert tile.note == (
        "Through 2 kills of the reader and 1 kill of the server; 0 came twice, 0 out of order."
    )
    assert tile.status == "ok"
    assert delivery_tile({**COUNTS, "reordered": 3}).status == "failed"


def test_the_sentence_of_the_delivery_does_not_say_that_each_reader_caught_up():
    sentence = delivery_sentence(COUNTS)
    assert "caught up" not in sentence
    assert "at the end nothing is missing" in sentence
    assert "at the end 2 events are missing" in delivery_sentence({**COUNTS, "lost": 2})


def test_the_tour_says_where_its_third_question_is_answered():
    (purpose,) = [purpose for command, purpose in next_steps() if "--harness" in command]
    assert purpose.startswith("Does it hold together?")
