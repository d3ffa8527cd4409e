"""What must hold after a fault: right books, a rail that sent each payout once, and a repetition that adds nothing."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import connection

from marketplace.payouts.models import Payout, PayoutOutcome, RecordedTransfer
from marketplace.payouts.queries import check_books

_NOT_FACTS = {"payouts_books_check", "payouts_summed_checkpoint"}


def facts() -> dict[str, str]:
    """Returns table → digest of all its rows, in an order that only their content decides."""
    tables = [
        model._meta.db_table
        for app in ("payouts", "ledger")
        for model in apps.get_app_config(app).get_models()
        if model._meta.managed and model._meta.db_table not in _NOT_FACTS
    ]
    digest = "SELECT '{0}', coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), '') FROM {0} t"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(digest.format(table) for table in tables))
        return dict(cursor.fetchall())


def check_the_rail() -> None:
    """Each payout that was answered well is on the rail once, with its creator and amount, and nothing else is."""
    sent = {row.key: (row.creator_id, row.currency, row.amount_minor) for row in RecordedTransfer.objects.all()}
    asked = {row.idem_key: (row.creator_id, row.currency, row.amount_minor) for row in Payout.objects.all()}
    assert sent.items() <= asked.items()
    answered = PayoutOutcome.objects.filter(state="sent").values_list("payout__idem_key", flat=True)
    assert set(answered) <= set(sent)


def check_all_is_paid() -> None:
    """What the rail has sent is what the books say was paid, to each creator, and nothing is on its way."""
    paid: Counter[Any] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.creator_id, p.currency, p.amount_minor FROM payouts_payout p JOIN payouts_payout_outcome o"
            " ON o.payout_id = p.id AND o.state = 'sent'"
        )
        for creator_id, currency, amount_minor in cursor.fetchall():
            paid[creator_id, currency] += amount_minor
    sent: Counter[Any] = Counter()
    for row in RecordedTransfer.objects.all():
        sent[row.creator_id, row.currency] += row.amount_minor
    assert sent == paid
    assert not Payout.objects.filter(outcomes=None).exists()


def repeat(act: Callable[[], Any]) -> None:
    """Does it again after a fault, and once more: the books are right before and after, the second changes nothing."""
    assert check_books() == []
    check_the_rail()
    act()
    after = facts()
    act()
    assert facts() == after
    assert check_books() == []
    check_the_rail()
