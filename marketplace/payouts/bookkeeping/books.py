"""The one door to the books: transactions that balance, written once for their key."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.models import KEPT_KINDS, Account, AccountKind, Transaction, TransactionKind
from marketplace.payouts.rules import CURRENCIES

BOOKS_LOCK = 0x700C5  # the first half of an advisory lock's name; the currency is the second


class UnableToPost(Exception):
    """The books refused a transaction, and nothing of it was written."""

    code = "unable-to-post"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(_("“%(key)s” cannot be posted: %(why)s.") % {"key": key, "why": why})


class Leg(NamedTuple):
    """One posting to be: the amount is positive to debit the account and negative to credit it."""

    kind: AccountKind
    owner_id: UUID | None
    amount_minor: int


def debit(kind: AccountKind, amount_minor: int, owner_id: UUID | None = None) -> Leg:
    """Return the leg that debits an account."""
    return Leg(kind, owner_id, amount_minor)


def credit(kind: AccountKind, amount_minor: int, owner_id: UUID | None = None) -> Leg:
    """Return the leg that credits an account."""
    return Leg(kind, owner_id, -amount_minor)


def constraint_of(error: IntegrityError) -> str:
    """Return the name of the constraint that the database says was broken, or nothing."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""


def lock_currency(currency: str) -> None:
    """Wait for the run or dispute of the currency that is under way, and hold others until commit.

    Whatever moves creators' balances takes this first, so the balances that it reads stay true. Sales do not
    move them and never wait.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [BOOKS_LOCK, currency])


def lock_every_currency() -> None:
    """Wait for the runs and disputes of all currencies we sell in, and hold others until commit.

    In the order of their codes, as a run that follows another does, so that nobody waits in a circle.
    """
    for currency in sorted(CURRENCIES):
        lock_currency(currency)


def balances(*, currency: str, kind: AccountKind, owner_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return owner → kept balance in minor units, for the owners who have such an account."""
    found = Account.objects.filter(kind=kind, currency=currency, owner_id__in=list(owner_ids))
    return dict(found.values_list("owner_id", "balance_minor"))


def debts_met(*, currency: str, amounts: Mapping[UUID, int]) -> dict[UUID, int]:
    """Return owner → how much of what they are about to get goes against what they owe back.

    The currency must be locked.
    """
    owed = balances(currency=currency, kind=AccountKind.CREATOR_RECEIVABLE, owner_ids=amounts)
    return {owner_id: min(owed.get(owner_id, 0), amount_minor) for owner_id, amount_minor in amounts.items()}


def credit_creators(*, currency: str, amounts: Mapping[UUID, int]) -> list[Leg]:
    """Return the legs that give creators money: first against what they owe back, the rest as available.

    The currency must be locked.
    """
    legs = []
    for owner_id, met_minor in debts_met(currency=currency, amounts=amounts).items():
        legs.append(credit(AccountKind.CREATOR_RECEIVABLE, met_minor, owner_id))
        legs.append(credit(AccountKind.CREATOR_AVAILABLE, amounts[owner_id] - met_minor, owner_id))
    return legs


def _merged(legs: Iterable[Leg]) -> dict[tuple[AccountKind, UUID | None], int]:
    """Return account → amount, one entry an account, without those that come to nothing."""
    sums: dict[tuple[AccountKind, UUID | None], int] = {}
    for leg in legs:
        key = (leg.kind, leg.owner_id)
        sums[key] = sums.get(key, 0) + leg.amount_minor
    return {key: amount_minor for key, amount_minor in sums.items() if amount_minor}


def _account_ids(currency: str, wanted: Iterable[tuple[AccountKind, UUID | None]]) -> dict[tuple, int]:
    """Return (kind, owner) → account id, opening the accounts that are missing."""
    wanted = list(wanted)
    house = [kind for kind, owner_id in wanted if owner_id is None]
    owned_kinds = {kind for kind, owner_id in wanted if owner_id is not None}
    owners = {owner_id for _kind, owner_id in wanted if owner_id is not None}

    def find() -> dict[tuple, int]:
        in_currency = Account.objects.filter(currency=currency)
        found = in_currency.filter(owner=None, kind__in=house)
        if owners:
            found = found.union(in_currency.filter(kind__in=list(owned_kinds), owner_id__in=list(owners)), all=True)
        return {(kind, owner_id): pk for kind, owner_id, pk in found.values_list("kind", "owner_id", "pk")}

    ids = find()
    missing = [key for key in wanted if key not in ids]
    if missing:
        Account.objects.bulk_create(
            [
                Account(
                    kind=kind,
                    owner_id=owner_id,
                    currency=currency,
                    balance_minor=0 if kind in KEPT_KINDS else None,
                )
                for kind, owner_id in missing
            ],
            ignore_conflicts=True,
        )
        ids = find()
    return ids


def _content_sha256(kind: str, source: str, currency: str, sums: Mapping[tuple[AccountKind, UUID | None], int]) -> str:
    """Return the digest of what a transaction says.

    Its text is kind, source and then a line an account, sorted; each line ends with LF. `check_books`
    computes the same in SQL from what is stored.
    """
    lines = sorted(
        f"{account}:{owner_id or ''}:{currency} {amount_minor}" for (account, owner_id), amount_minor in sums.items()
    )
    return sha256("".join(f"{line}\n" for line in [kind, source, *lines]).encode()).hexdigest()


_POST = """
WITH made AS (
    INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (idem_key) DO NOTHING RETURNING id
)
INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
SELECT made.id, leg.account_id, leg.amount_minor
  FROM made, unnest(%s::bigint[], %s::bigint[]) AS leg (account_id, amount_minor)
"""


@transaction.atomic
def post(
    *,
    kind: TransactionKind,
    source: str,
    idem_key: str,
    currency: str,
    legs: Iterable[Leg],
    now: datetime,
    transaction_id: UUID | None = None,
) -> UUID:
    """Write one balanced transaction with all its postings in one statement and return its id.

    Legs on one account are added up, and those of zero left out. A key that was posted before returns the
    first transaction's id when kind, source and postings are the same, and raises UnableToPost when they are
    not, as it does when the books refuse the postings: unbalanced, none at all, or a creator's account below
    zero.
    """
    sums = _merged(legs)
    if not sums:
        raise UnableToPost(idem_key, _("it moves nothing"))
    content = _content_sha256(kind, source, currency, sums)
    transaction_id = transaction_id or uuid4()
    try:
        ids = _account_ids(currency, sums)
        with connection.cursor() as cursor:
            head = [transaction_id, str(kind), source, idem_key, content, now]
            cursor.execute(_POST, [*head, [ids[key] for key in sums], list(sums.values())])
            if cursor.rowcount:
                return transaction_id
    except IntegrityError as error:
        why = {
            "payouts_transaction_balances": _("its debits and credits differ"),
            "payouts_account_balance_not_negative": _("a creator's account would fall below zero"),
        }.get(constraint_of(error))
        if why is None:
            raise
        raise UnableToPost(idem_key, why) from error
    before = Transaction.objects.get(idem_key=idem_key)
    if before.content_sha256 != content:
        raise UnableToPost(idem_key, _("the same key was posted before with other content"))
    return before.pk
