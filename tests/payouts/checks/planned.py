"""Who checks creators by a plan, chosen by name in settings as a real one is."""

from marketplace.payouts.checks.base import Finding, ScreeningUnavailable, Subject
from marketplace.payouts.checks.tables import CreatorCheck

State = CreatorCheck.State


class PlannedScreening:
    """Answers as it is told: by kind, and pending without a word; None is silence."""

    name = "planned"
    says: dict[str, Finding | None] = {}
    asked: list[tuple[str, Subject]] = []

    def identity(self, subject: Subject) -> Finding:
        return self._answer("identity", subject)

    def sanctions(self, subject: Subject) -> Finding:
        return self._answer("sanctions", subject)

    def _answer(self, kind: str, subject: Subject) -> Finding:
        self.asked.append((kind, subject))
        found = self.says.get(kind, Finding(State.PENDING))
        if found is None:
            raise ScreeningUnavailable("no route to host")
        return found
