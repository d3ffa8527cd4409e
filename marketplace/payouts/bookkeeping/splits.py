"""Settling who shares in a work, once, when it is published."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from ledger.operations import state_once
from marketplace.payouts import rules
from marketplace.payouts.models import Split, SplitShare
from marketplace.people.models import Creator

MAX_PAYEES_IN_ENTRY = 40
"""A ledger entry has at most 4096 bytes: a split of more payees is stated by its digest and their number."""

_INSERT = """
WITH made AS (
    INSERT INTO payouts_split (digest, created_at) VALUES (%s, %s)
    ON CONFLICT (digest) DO NOTHING RETURNING digest
)
INSERT INTO payouts_split_share (split_id, payee_id, share_ppb)
SELECT made.digest, share.payee_id, share.share_ppb
  FROM made, unnest(%s::uuid[], %s::bigint[]) AS share (payee_id, share_ppb)
"""


@transaction.atomic
def ensure_split(*, own: Mapping[Creator, int], parents: Sequence[tuple[Split, int]], now: datetime) -> Split:
    """Fold makers' shares with parents' splits into the one Split of that content, stated in the ledger.

    `own` is creator → ppb, summing to the whole; `parents` are (split, share of this work in ppb). The same
    content always returns the same Split, also when two callers make it at once. Raises what
    `rules.fold_split` raises: SharesDoNotSum, ShareOutOfRange, ParentsTakeTooMuch, DuplicatePayee,
    TooManyPayees.
    """
    shares = rules.fold_split(
        {creator.pk: share_ppb for creator, share_ppb in own.items()},
        [(share_ppb, _shares_of(split)) for split, share_ppb in parents],
    )
    digest = rules.split_digest(shares)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [digest, now, [payee for payee, _ in shares], [ppb for _, ppb in shares]])
        created = cursor.rowcount > 0
    if created:
        state_once(type="split", subject=f"split:{digest}", body=_fact(digest, shares), now=now)
    return Split.objects.get(pk=digest)


def _shares_of(split: Split) -> list[tuple[UUID, int]]:
    return list(SplitShare.objects.filter(split=split).values_list("payee_id", "share_ppb"))


def _fact(digest: str, shares: Sequence[tuple[UUID, int]]) -> dict[str, Any]:
    """Return the body of the ledger entry: the shares where they fit, else the number of payees."""
    if len(shares) > MAX_PAYEES_IN_ENTRY:
        return {"split": digest, "payees": len(shares)}
    return {"split": digest, "shares": rules.split_document(shares)["shares"]}
