"""What goes wrong on the way, by plan: by number of request, by predicate, or by chance from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """One way to fail. Before: nothing was done. After: it was done, and the caller cannot know."""

    DROP_REQUEST = "drop the request"
    DROP_RESPONSE = "drop the response after doing it"
    RESET = "reset the connection after doing it"
    CONFLICT = "409 before doing it"
    LIMIT = "429 before doing it"
    ERROR = "500 before doing it"
    ERROR_SAVED = "500 saved after doing it"
    DELAY = "answer late, by the fake's clock"


AFTER = (Fault.DROP_RESPONSE, Fault.RESET, Fault.ERROR_SAVED)


@dataclass
class Asked:
    """What a predicate sees: the request's number from 1, method, path and key."""

    number: int
    method: str
    path: str
    key: str | None


@dataclass
class Faults:
    """The plan. The first rule that says a fault wins."""

    rules: list[Callable[[Asked], Fault | None]] = field(default_factory=list)
    met: list[tuple[int, Fault]] = field(default_factory=list)
    delay: int = 60

    def at(self, number: int, fault: Fault) -> None:
        """Fails the request of this number, counted from 1 over the fake's life."""
        self.rules.append(lambda asked: fault if asked.number == number else None)

    def when(self, predicate: Callable[[Asked], bool], fault: Fault, times: int = 1) -> None:
        """Fails the next requests that the predicate takes."""
        left = [times]

        def rule(asked: Asked) -> Fault | None:
            if left[0] and predicate(asked):
                left[0] -= 1
                return fault
            return None

        self.rules.append(rule)

    def lose(self, share: float, seed: int, *kinds: Fault) -> None:
        """Fails this share of all requests by chance; by default the answer is lost after the work is done."""
        chance, kinds = random.Random(seed), kinds or (Fault.DROP_RESPONSE,)
        self.rules.append(lambda asked: chance.choice(kinds) if chance.random() < share else None)

    def stop(self) -> None:
        """Lets everything pass from now on."""
        self.rules.clear()

    def of(self, asked: Asked) -> Fault | None:
        """Decides for one request, and notes what was decided."""
        for rule in self.rules:
            if fault := rule(asked):
                self.met.append((asked.number, fault))
                return fault
        return None
