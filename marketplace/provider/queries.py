"""What waits at the provider or with us, for whoever operates the house; nothing here writes."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from marketplace.provider.models import (
    ProviderAnswer,
    ProviderCall,
    ProviderCallTrouble,
    ProviderEvent,
    ProviderEventTrouble,
    ProviderEventWaiting,
)


@dataclass(frozen=True)
class Standing:
    """How many events wait, since when the oldest does (None without any), and how many are dead."""

    waiting: int
    oldest_at: datetime | None
    dead: int


def open_calls() -> QuerySet[ProviderCall]:
    """Return what was intended and is not answered, the oldest first, each with its latest `trouble_kind` and words.

    Whoever intended it asks again by itself.
    """
    latest = ProviderCallTrouble.objects.filter(attempt__call=OuterRef("pk")).order_by("-attempt__number")
    return (
        ProviderCall.objects.filter(answer=None)
        .annotate(
            trouble_kind=Subquery(latest.values("kind")[:1]), trouble_message=Subquery(latest.values("message")[:1])
        )
        .order_by("id")
    )


def refused_calls() -> QuerySet[ProviderAnswer]:
    """Return what the provider refused for good, the newest first, cards that were declined left out."""
    return (
        ProviderAnswer.objects.filter(outcome=ProviderAnswer.REFUSED)
        .exclude(body__type="card_error")
        .select_related("call")
        .order_by("-at", "-call_id")
    )


def standing() -> Standing:
    """Return how the inbox stands."""
    rows = ProviderEventWaiting.objects
    first = ProviderEvent.objects.filter(waiting__isnull=False).order_by("received_at", "id").first()
    return Standing(
        rows.filter(due_at__isnull=False).count(),
        first.received_at if first else None,
        rows.filter(due_at=None).count(),
    )


def events_in_trouble(*, dead_only: bool = False) -> QuerySet[ProviderEventWaiting]:
    """Return events that failed and are not handled, the oldest first, each with the latest `reason`."""
    latest = ProviderEventTrouble.objects.filter(event=OuterRef("event")).order_by("-id")
    rows = ProviderEventWaiting.objects.select_related("event").annotate(reason=Subquery(latest.values("reason")[:1]))
    rows = rows.filter(due_at=None) if dead_only else rows.exclude(reason=None)
    return rows.order_by("event_id")
