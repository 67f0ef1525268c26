"""What is there more than once is found by looking at each once, however many there are (I39, A24)."""

from __future__ import annotations

from events.twice import twice


class Counted:
    """A name that counts how often it is compared."""

    compared = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return isinstance(other, Counted) and self.name == other.name


def test_each_that_is_repeated_is_named_once_in_the_order_it_is_met_again():
    assert twice(["a", "b", "c", "b", "a", "b"]) == ["b", "a"]
    assert twice([]) == twice(["a", "b"]) == []


def test_many_names_cost_no_more_than_their_number():
    names = [Counted(f"k{number}") for number in range(5_000)]
    Counted.compared = 0
    assert [each.name for each in twice([*names, Counted("k4999")])] == ["k4999"]
    assert Counted.compared < 2 * len(names)
