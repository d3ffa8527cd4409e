"""Rails that misbehave, chosen by name in settings as real ones are."""

from uuid import UUID

from marketplace.payouts.models import RecordedTransfer
from marketplace.payouts.rails.base import RailUnavailable, Sent, UnableToSend
from marketplace.payouts.rails.recorded import RecordedRail
from marketplace.payouts.rules import Money


class Killed(BaseException):
    """The process dies here: nothing may catch it."""


class FaultyRail(RecordedRail):
    """The recorded rail, with a plan: what to do at the next calls. An empty plan works.

    Like a real one, it does not refuse what it has already sent.
    """

    plan: list[str] = []
    calls: list[tuple[str, Money]] = []

    def send(self, *, key: str, creator_id: UUID, amount: Money) -> Sent:
        fault = self.plan.pop(0) if self.plan else "work"
        self.calls.append((key, amount))
        if fault == "down":
            raise RailUnavailable(key, "connection refused")
        if fault == "die before":
            raise Killed
        if fault == "refuse" and not RecordedTransfer.objects.filter(key=key).exists():
            raise UnableToSend(key, "the creator's account is closed")
        sent = super().send(key=key, creator_id=creator_id, amount=amount)
        if fault == "die after":
            raise Killed
        if fault == "drop answer":
            raise RailUnavailable(key, "the answer was lost")
        if fault == "slow":
            return Sent(reference=sent.reference, arrived=False)
        return sent
