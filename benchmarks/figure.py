"""What a measurement gives."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `goal` is the most that is ok, or with `at_least` the least."""

    name: str
    value: float
    unit: str
    against: str
    goal: float
    at_least: bool = False

    @property
    def is_ok(self) -> bool:
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def line(self) -> str:
        """This will give the line that people and scripts read."""
        goal = f"{'≥' if self.at_least else '≤'} {self.goal:g}"
        words = [self.name, f"{self.value:.4g}", self.unit, self.against, goal, "ok" if self.is_ok else "short"]
        return " | ".join(words)


Measure = Callable[[], Iterable[Figure]]
Figures = Mapping[str, Measure]
