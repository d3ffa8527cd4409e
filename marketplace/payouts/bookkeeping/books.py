"""The one door to the books: transactions that balance, written once for their key."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.payouts.ids import time_ordered_id
from marketplace.payouts.models import Account, AccountKind, Transaction, TransactionKind
from marketplace.payouts.rules import CURRENCIES, MAX_AMOUNT_MINOR

BOOKS_LOCK = 0x700C5  # the first half of an advisory lock's name; the currency is the second

_POST = """
SELECT payouts_post(%s, %s, %s, %s, %s, %s, %s, %s::text[], %s::uuid[], %s::text[], %s::bigint[])
"""


class UnableToPost(Exception):
    """The books refused a transaction, and nothing of it was written."""

    code = "unable-to-post"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(_("“%(key)s” cannot be posted: %(why)s.") % {"key": key, "why": why})


class Leg(NamedTuple):
    """One posting to be: the amount is positive to debit the account and negative to credit it.

    `detail` names the jurisdiction of a tax or the token of a chain, where the account has one.
    """

    kind: AccountKind
    owner_id: UUID | None
    amount_minor: int
    detail: str = ""


def debit(kind: AccountKind, amount_minor: int, owner_id: UUID | None = None, detail: str = "") -> Leg:
    """Return the leg that debits an account."""
    return Leg(kind, owner_id, amount_minor, detail)


def credit(kind: AccountKind, amount_minor: int, owner_id: UUID | None = None, detail: str = "") -> Leg:
    """Return the leg that credits an account."""
    return Leg(kind, owner_id, -amount_minor, detail)


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


class _Of(NamedTuple):
    """Which account, in the currency at hand."""

    kind: AccountKind
    owner_id: UUID | None
    detail: str


def _merged(legs: Iterable[Leg]) -> dict[_Of, int]:
    """Return account → amount, one entry an account, without those that come to nothing."""
    sums: dict[_Of, int] = {}
    for leg in legs:
        key = _Of(leg.kind, leg.owner_id, leg.detail)
        sums[key] = sums.get(key, 0) + leg.amount_minor
    return {key: amount_minor for key, amount_minor in sums.items() if amount_minor}


def content_sha256(kind: str, source: str, currency: str, sums: Iterable[tuple[str, UUID | None, str, int]]) -> str:
    """Return the digest of what a transaction says, of (kind of account, owner, detail, amount), one an account.

    Its text is kind, source and then a line an account, sorted; each line ends with LF. `check_books` computes the
    same in SQL from what is stored.
    """
    lines = sorted(
        f"{account}:{owner_id or ''}:{currency}{detail and f':{detail}'} {amount_minor}"
        for account, owner_id, detail, amount_minor in sums
    )
    return sha256("".join(f"{line}\n" for line in [kind, source, *lines]).encode()).hexdigest()


def in_one_statement() -> AbstractContextManager[object]:
    """Return what a call that is one statement needs to be whole: nothing, or a savepoint within a transaction."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def array_of(values: Iterable[object]) -> str:
    """Return a column as the text of a PostgreSQL array; faster than adapting each value, and exact for what we have.

    UUIDs, whole numbers, texts and None alone.
    """
    return "{" + ",".join("NULL" if value is None else _quoted(str(value)) for value in values) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WHY = {
    "payouts_transaction_balances": gettext_noop("its debits and credits differ"),
    "payouts_transaction_moves_its_accounts": gettext_noop("its kind does not move such accounts that way"),
    "payouts_account_balance_not_negative": gettext_noop("a creator's account would fall below zero"),
    "payouts_set_aside_not_overdrawn": gettext_noop("more would be used than was set aside"),
    "payouts_account_balance_fits": gettext_noop("a creator's account would hold more than the books can"),
}


def refused(key: str, error: IntegrityError) -> Exception:
    """Return UnableToPost where the books refused what was written, and else the error itself."""
    why = _WHY.get(constraint_of(error))
    return UnableToPost(key, _(why)) if why else error


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
    not, as it does when the books refuse the postings: unbalanced, none at all, a kind that does not move such
    accounts, a creator's account below zero, more than was set aside, an amount beyond MAX_AMOUNT_MINOR, or a
    source or key beyond 200 characters. Then nothing is written.
    """
    sums = _merged(legs)
    if not sums:
        raise UnableToPost(idem_key, _("it moves nothing"))
    if max(len(source), len(idem_key)) > 200:
        raise UnableToPost(idem_key[:200], _("its source or its key is longer than %d characters") % 200)
    if max(map(abs, sums.values())) > MAX_AMOUNT_MINOR:
        raise UnableToPost(idem_key, _("it moves more than the books can hold"))
    content = content_sha256(kind, source, currency, ((*key, amount_minor) for key, amount_minor in sums.items()))
    transaction_id = transaction_id or time_ordered_id()
    head = [transaction_id, str(kind), source, idem_key, content, now, currency]
    columns = [array_of(column) for column in (*zip(*sums, strict=True), sums.values())]
    try:
        with in_one_statement(), connection.cursor() as cursor:
            cursor.execute(_POST, [*head, *columns])
            if cursor.fetchone()[0]:
                return transaction_id
    except IntegrityError as error:
        raise refused(idem_key, error) from error
    before = Transaction.objects.get(idem_key=idem_key)
    if before.content_sha256 != content:
        raise UnableToPost(idem_key, _("the same key was posted before with other content"))
    return before.pk
