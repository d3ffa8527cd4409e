"""Reconciling with the gateway: reading its lines, matching them, and what an operator says of the rest."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from marketplace.checkout.placing import gateway
from marketplace.checkout.reconciling.finding import movements_of
from marketplace.checkout.reconciling.importing import import_lines
from marketplace.checkout.reconciling.matching import line_of, match_lines, note, wait_for_others
from marketplace.checkout.reconciling.ports.base import BalanceLines
from marketplace.checkout.reconciling.reading import suspended_minor
from marketplace.checkout.reconciling.tables import (
    BooksRead,
    ProviderLine,
    ProviderLineMatched,
    SuspenseCleared,
)
from marketplace.payouts import operations as books
from marketplace.payouts.models import AccountKind

MAX_REASON = 300


class UnableToSetAside(Exception):
    """The line cannot be put into suspense; nothing was written."""

    code = "unable-to-set-aside"

    def __init__(self, line: ProviderLine, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(_("“%(line)s” is not set aside: %(why)s.") % {"line": line.line_id, "why": why})


class UnableToClear(Exception):
    """What is in suspense cannot be cleared so; nothing was written."""

    code = "unable-to-clear"

    def __init__(self, line: ProviderLine, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(_("“%(line)s” is not cleared: %(why)s.") % {"line": line.line_id, "why": why})


def balance_lines() -> BalanceLines | None:
    """Return what reads the balance of the gateway in use, or None where it keeps none for us."""
    path = settings.BALANCE_LINES.get(gateway().name)
    return import_string(path)() if path else None


def reconcile(
    *, port: BalanceLines, now: datetime, since: datetime | None = None, overlap: timedelta | None = None
) -> tuple[int, int]:
    """This will copy the gateway's new lines and match what can be; tells how many were copied and matched.

    Raises UnableToRead; what was copied before is matched the next time. Not to be called inside a transaction.
    """
    copied = import_lines(port=port, now=now, since=since, overlap=overlap)
    matched = match_lines(gateway=port.gateway, now=now)
    read_books(now=now)
    return copied, matched


@transaction.atomic
def read_books(*, now: datetime) -> None:
    """This will queue what moved our balance since the books were read last, but what is matched already.

    It goes as far as no posting can come any more; what is newer is read by whoever looks. So a look costs what is
    open and new, however much was sold before.
    """
    wait_for_others()
    through, before = books.settled_through(), BooksRead.objects.aggregate(through=Max("through"))["through"]
    if through > (before or 0):
        BooksRead.objects.create(through=through, at=now)


@transaction.atomic
def set_aside(*, line: ProviderLine, reason: str, by: str, now: datetime) -> ProviderLineMatched:
    """This will put what is open about a line into suspense: all of it, or what our books have otherwise.

    For what no fact of ours will ever say: somebody else's money, a difference that stays. The same line again, once
    it is in suspense, returns the first. Raises UnableToSetAside.
    """
    if not 0 < len(reason) <= MAX_REASON:
        raise UnableToSetAside(line, _("say why, in at most %d characters") % MAX_REASON)
    wait_for_others()
    if before := ProviderLineMatched.objects.filter(line=line).first():
        if before.way != ProviderLineMatched.SUSPENSE:
            raise UnableToSetAside(line, _("it is matched"))
        return before
    taken = line_of(line)
    movements = movements_of([taken]).get(taken.number, [])
    if any(one.currency != taken.currency for one in movements):
        raise UnableToSetAside(line, _("our books have it in another currency"))
    apart_minor = taken.net_minor - sum(one.amount_minor for one in movements)
    made: list[object] = [one.transaction_id for one in movements]
    if apart_minor:
        named = {"currency": taken.currency, "reference": taken.line_id, "now": now}
        made.append(books.suspend(amount_minor=apart_minor, **named))  # type: ignore[arg-type]
    note(taken, made, ProviderLineMatched.SUSPENSE, now=now, by=by, reason=reason)
    return ProviderLineMatched.objects.get(line=line)


@transaction.atomic
def clear(*, line: ProviderLine, to: str, reason: str, by: str, now: datetime) -> SuspenseCleared:
    """This will move what is in suspense of a line to the account that it belongs to; the operator says why.

    The same again returns the first. Raises UnableToClear for a line that is not in suspense, one that was cleared
    otherwise, an account that it cannot belong to, and where no reason is given.
    """
    if not 0 < len(reason) <= MAX_REASON:
        raise UnableToClear(line, _("say why, in at most %d characters") % MAX_REASON)
    matched = ProviderLineMatched.objects.select_for_update().filter(line=line).first()
    if matched is None or matched.way != ProviderLineMatched.SUSPENSE:
        raise UnableToClear(line, _("it is not in suspense"))
    if before := SuspenseCleared.objects.filter(line=line).first():
        if before.account != to:
            raise UnableToClear(line, _("it was cleared before, to another account"))
        return before
    if to not in books.CLEARED_TO:
        raise UnableToClear(line, _("it cannot belong to that account"))
    amount_minor = suspended_minor([line.pk]).get(line.pk, 0)
    if not amount_minor:
        raise UnableToClear(line, _("nothing of it is in suspense"))
    posted = books.clear_suspense(
        amount_minor=amount_minor, currency=line.currency, to=AccountKind(to), reference=line.line_id, now=now
    )
    return SuspenseCleared.objects.create(
        line=line, account=to, reason=reason, by=by[:200], at=now, transaction_id=posted
    )
