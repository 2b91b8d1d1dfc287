from chat.node.context import waiting_in


def test_a_flags_waiting_texts_are_taken_once_each() -> None:
    """The flag's own where the room has it not, and those that joined since it was last heard of."""
    also = [{"rev": 2, "text": "second", "at": 20}, {"rev": 4, "text": "third", "at": 40}]
    flag = {"verdict": "refused", "text": "first", "author": {"id": "ann"}, "rev": 4, "also": also}
    assert [text["text"] for text in waiting_in(flag)] == ["first", "second", "third"]
    assert [text["text"] for text in waiting_in(flag, 1)] == ["second", "third"]
    (third,) = waiting_in(flag, 2)
    assert third == {"author": {"id": "ann"}, "text": "third", "at": 40}
    assert list(waiting_in(flag, 4)) == []
    assert [text["text"] for text in waiting_in({**flag, "verdict": "delivered"})] == ["second", "third"]
