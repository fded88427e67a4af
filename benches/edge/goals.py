"""Figures against their goals, in the engine's form."""

from engine.goals import Row, not_run

__all__ = ["Row", "above", "at_least", "at_most", "below", "not_run"]


def at_least(row, figure, ratio, goal, measured, note=""):
    """A ratio, ours over the peer's, that should reach the goal.

    >>> at_least("manifest", "against nginx", 0.5, 0.5, "1 : 2").verdict()
    'met'
    """
    return Row(row, figure, ratio, goal, f"≥ {goal:g}", ratio >= goal, measured, note)


def at_most(row, figure, ratio, goal, measured, note=""):
    """A ratio that should not be above the goal.

    >>> at_most("attack", "p99 under attack", 2.1, 2, "1 ms : 2.1 ms").verdict()
    'not met'
    """
    return Row(row, figure, ratio, goal, f"≤ {goal:g}", ratio <= goal, measured, note)


def below(row, figure, value, goal, unit, note="", digits=1):
    """A figure of ours alone that should stay below the goal.

    >>> below("start", "cold start", 60, 60, "ms").verdict(), below("start", "cold start", 59.9, 60, "ms").measured
    ('not met', '59.9 ms')
    """
    return Row(row, figure, None, goal, f"< {goal:g} {unit}", value < goal, f"{value:.{digits}f} {unit}", note)


def above(row, figure, value, goal, unit, note=""):
    """A figure of ours alone that should reach the goal.

    >>> above("playback", "calls", 20_000, 20_000, "calls").measured
    '20,000 calls'
    """
    return Row(row, figure, None, goal, f"≥ {goal:,} {unit}", value >= goal, f"{value:,.0f} {unit}", note)
