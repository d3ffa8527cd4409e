"""What the stories of payout policies share."""

from datetime import UTC, datetime, timedelta

from marketplace.payouts.models import RecordedTransfer
from marketplace.payouts.operations import hold_payouts, set_policy
from marketplace.payouts.queries import balances_of
from marketplace.payouts.terms import Schedule

DAY = timedelta(days=1)
LATER = timedelta(days=14)
ALWAYS = Schedule("always")


def policy(**changes):
    """Sets a policy for all, or as the changes say."""
    said = {
        "creator": None,
        "currency": "",
        "hold_days": None if changes.get("creator") else 14,
        "reserve_ppb": 0,
        "reserve_days": 0,
        "threshold_minor": 1,
        "schedule": ALWAYS,
        "reason": "so we agreed",
        "by": "carol@example.org",
        "now": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return set_policy(**{**said, **changes})


def has(creator, currency="USD"):
    """Returns what a creator has in which of their accounts, without those that are empty."""
    [found] = [balance for balance in balances_of(creator) if balance.currency == currency]
    return {
        name: value
        for name in ("pending", "reserved", "available", "on_the_way", "owed", "frozen", "paid")
        if (value := getattr(found, f"{name}_minor"))
    }


def transfers():
    """Returns what the rail sent, in its order."""
    return list(RecordedTransfer.objects.order_by("pk").values_list("amount_minor", flat=True))


def hold(creator, key="hold:1", currency="", reason="we wait for your address"):
    """Holds a creator's payouts since long ago."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return hold_payouts(creator=creator, currency=currency, key=key, reason=reason, by="carol@example.org", now=now)
