"""What is told of floods: the first at once, the rest counted, within bounds."""

from cambista.gateway.noting import EVERY_S, Occurrences


class Steps:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_is_told_at_once_and_the_rest_of_the_minute_together() -> None:
    clock = Steps()
    counts = Occurrences(clock, kept_max=10)
    assert [counts.note("a") for _ in range(4)] == [1, 0, 0, 0]
    clock.now += EVERY_S - 1
    assert counts.note("a") == 0
    clock.now += 1
    assert counts.note("a") == 5
    assert counts.note("b") == 1


def test_more_things_than_are_kept_count_as_one() -> None:
    clock = Steps()
    counts = Occurrences(clock, kept_max=3)
    told = [counts.note(f"address {number}") for number in range(1000)]
    assert sum(each > 0 for each in told) == 4
    clock.now += EVERY_S
    assert counts.note("address 2000") == 1
    told = [counts.note(f"address {number}") for number in range(3000, 4000)]
    assert sum(each > 0 for each in told) <= 3


def test_what_did_not_come_back_makes_room() -> None:
    clock = Steps()
    counts = Occurrences(clock, kept_max=3)
    for minute in range(5):
        clock.now += EVERY_S
        assert [counts.note(f"address {minute} {number}") for number in range(3)] == [1, 1, 1]
