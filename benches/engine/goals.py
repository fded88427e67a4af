"""The goals of the engine, and a row of the table that holds a figure against one."""

from dataclasses import dataclass


@dataclass
class Row:
    """One comparison. `ratio` is ours over the peer's unless the figure says otherwise."""

    row: str
    figure: str
    ratio: float | None
    goal: float | None
    goal_text: str
    met: bool | None
    measured: str
    note: str = ""

    def verdict(self):
        """Met or not; or why that cannot be said."""
        if self.met is None:
            return "not judged" if self.ratio is not None else "not run"
        return "met" if self.met else "not met"


def at_most(row, figure, ratio, goal, measured, note="", unless=None):
    """A row whose ratio should be at most the goal. `unless` says why it cannot be judged or is not met all the same:
    a pair of the verdict and the reason.

    >>> at_most("x", "CPU", 0.49, 0.5, "").verdict()
    'met'
    >>> at_most("x", "CPU", 0.49, 0.5, "", unless=(None, "source of 9 s")).verdict()
    'not judged'
    """
    met = ratio <= goal
    if unless:
        met, reason = unless
        note = f"{reason}; {note}" if note else reason
    return Row(row, figure, ratio, goal, f"≤ {goal:.2f}", met, measured, note)


def not_run(row, figure, goal_text, why):
    """A row that could not be measured."""
    return Row(row, figure, None, None, goal_text, None, "", why)
