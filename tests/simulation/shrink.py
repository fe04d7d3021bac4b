"""Makes a story short: leaves out whatever is not needed for the rule to be broken all the same (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Breaks = Callable[[Sequence[int]], bool]


def shrunk(kept: Sequence[int], breaks: Breaks) -> tuple[int, ...]:
    """The places of the actions that are needed: without any single one of them ``breaks`` is False.

    ``breaks``: whether a story of only these actions still breaks the rule; ``kept`` does.
    """
    parts = 2
    while len(kept) > 1:
        size = -(-len(kept) // parts)
        shorter = next(
            (rest for start in range(0, len(kept), size) if breaks(rest := [*kept[:start], *kept[start + size :]])),
            None,
        )
        if shorter is not None:
            kept, parts = shorter, max(2, parts - 1)
        elif size == 1:
            break
        else:
            parts = min(len(kept), 2 * parts)
    return tuple(kept)
