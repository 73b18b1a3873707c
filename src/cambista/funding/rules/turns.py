"""Several requests about one thing take turns. Pure."""

from collections.abc import Hashable, Sequence


def turns(keys: Sequence[Hashable]) -> list[list[int]]:
    """Positions in groups, in order, so that no key stands twice in a group."""
    groups: list[list[int]] = []
    seen: dict[Hashable, int] = {}
    for position, key in enumerate(keys):
        turn = seen.get(key, 0)
        seen[key] = turn + 1
        if turn == len(groups):
            groups.append([])
        groups[turn].append(position)
    return groups
