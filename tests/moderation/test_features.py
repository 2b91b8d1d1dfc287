from __future__ import annotations

from moderation.features import MOST, SIZE, word_codes, word_places, words_of


def test_words_are_letters_digits_and_what_asks_or_cries_out() -> None:
    assert words_of("are you ok? i am, thanks! 24/7") == [
        "are",
        "you",
        "ok",
        "?",
        "i",
        "am",
        "thanks",
        "!",
        "24",
        "7",
    ]
    assert len(words_of("a " * 5_000)) == MOST


def test_places_stay_within_the_table() -> None:
    for word in ("a", "ok", "tired", "?", "x" * 24):
        assert all(0 <= place < SIZE for place in word_places(word))
        assert all(0 <= code < SIZE for code in word_codes(word))


def test_a_bent_word_shares_its_letters() -> None:
    """A typo is near the word it was, and a short word stands for itself alone."""
    shared = set(word_places("hopeless")) & set(word_places("hopelesss"))
    assert len(shared) > len(word_places("hopeless")) / 2
    assert len(word_places("no")) == 1


def test_order_and_distance_make_different_places() -> None:
    """A pair turned round, or with a word between, is another feature."""
    (first, last, gap), (other_first, other_last, _) = word_codes("never"), word_codes("again")
    assert len({first ^ other_last, other_first ^ last, gap ^ other_last}) == 3
