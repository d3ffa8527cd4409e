"""Settling who shares in a work, once, when it is published."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from ledger.operations import state_once
from marketplace.payouts import rules, splitting
from marketplace.payouts.divisions import Division, DivisionShare
from marketplace.payouts.models import Split, SplitShare
from marketplace.people.models import Creator

MAX_PAYEES_IN_ENTRY = 40
"""A ledger entry has at most 4096 bytes: a split of more payees is stated by its digest and their number."""

Shares = Sequence[tuple[UUID, int]]

_INSERT = """
WITH made AS (
    INSERT INTO payouts_split (digest, created_at) VALUES (%s, %s)
    ON CONFLICT (digest) DO NOTHING RETURNING digest
)
INSERT INTO payouts_split_share (split_id, payee_id, share_ppb)
SELECT made.digest, share.payee_id, share.share_ppb
  FROM made, unnest(%s::uuid[], %s::bigint[]) AS share (payee_id, share_ppb)
"""

_INSERT_DIVISION = """
WITH made AS (
    INSERT INTO payouts_division (digest, split_id, rest_id, created_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (digest) DO NOTHING RETURNING digest
)
INSERT INTO payouts_division_share (division_id, subject, share_ppb, rest_id)
SELECT made.digest, share.subject, share.share_ppb, share.rest_id
  FROM made, unnest(%s::text[], %s::bigint[], %s::text[]) AS share (subject, share_ppb, rest_id)
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A published work that a new one is made with: its split, its division where it has one, and its share.

    `subject` names it as its sales do; `split` and `division` are digests. `mode` is relative or absolute
    (docs/formats/split.md).
    """

    subject: str
    split: str
    share_ppb: int
    mode: str = splitting.RELATIVE
    division: str | None = None


@transaction.atomic
def ensure_split(*, own: Mapping[Creator, int], parents: Sequence[tuple[Split, int]], now: datetime) -> Split:
    """Fold makers' shares with parents' splits into the one Split of that content, stated in the ledger.

    `own` is creator → ppb, summing to the whole; `parents` are (split, share of this work in ppb). The same
    content always returns the same Split, also when two callers make it at once. Raises what
    `rules.fold_split` raises: SharesDoNotSum, ShareOutOfRange, ParentsTakeTooMuch, DuplicatePayee,
    TooManyPayees.
    """
    found = _shares_of(split.digest for split, _share_ppb in parents)
    shares = rules.fold_split(_by_id(own), [(share_ppb, found[split.digest]) for split, share_ppb in parents])
    return _split_of(shares, now)


@transaction.atomic
def ensure_division(
    *, own: Mapping[Creator, int], sources: Sequence[Source], now: datetime
) -> tuple[Split, Division | None]:
    """Fold makers' shares with the works that theirs is made with; return its split and, where absolute shares reach
    it, the Division that the split is made of.

    The split, and the rest of a division, are stated in the ledger. The same content always returns the same rows.
    Raises what `splitting.fold_work` raises; then nothing was written.
    """
    folded = splitting.fold_work(_by_id(own), parents_of(sources))
    split = _split_of(folded.shares, now)
    if not folded.absolute:
        return split, None
    rest = _split_of(folded.rest, now)
    document = splitting.division_document(folded.shares, folded.rest, folded.absolute)
    digest = splitting.document_digest(document)
    shares = document["absolute"]
    columns = [[one[name] for one in shares] for name in ("subject", "share_ppb", "rest")]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_DIVISION, [digest, split.digest, rest.digest, now, *columns])
    return split, Division.objects.get(pk=digest)


def parents_of(sources: Sequence[Source]) -> list[splitting.Parent[UUID]]:
    """Return sources as `fold_work` reads them, each with its rest and the absolute shares in it; three queries."""
    asked = {source.division for source in sources if source.division}
    rest_of = dict(Division.objects.filter(pk__in=asked).values_list("pk", "rest_id"))
    absolute: dict[str | None, list[DivisionShare]] = defaultdict(list)
    for one in DivisionShare.objects.filter(division__in=asked).order_by("subject"):
        absolute[one.division_id].append(one)
    rests = [rest_of[source.division] if source.division else source.split for source in sources]
    shares = _shares_of([*rests, *(one.rest_id for rows in absolute.values() for one in rows)])
    return [
        splitting.Parent(
            source.subject,
            source.share_ppb,
            shares[rest],
            source.mode,
            tuple(
                splitting.AbsoluteShare(one.subject, one.share_ppb, shares[one.rest_id])
                for one in absolute[source.division]
            ),
        )
        for source, rest in zip(sources, rests, strict=True)
    ]


def _by_id(own: Mapping[Creator, int]) -> dict[UUID, int]:
    return {creator.pk: share_ppb for creator, share_ppb in own.items()}


def _split_of(shares: Shares, now: datetime) -> Split:
    digest = rules.split_digest(shares)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [digest, now, [payee for payee, _ in shares], [ppb for _, ppb in shares]])
        created = cursor.rowcount > 0
    if created:
        state_once(type="split", subject=f"split:{digest}", body=_fact(digest, shares), now=now)
    return Split.objects.get(pk=digest)


def _shares_of(splits: Iterable[str]) -> dict[str, list[tuple[UUID, int]]]:
    found: dict[str, list[tuple[UUID, int]]] = {digest: [] for digest in splits}
    rows = SplitShare.objects.filter(split__in=found).values_list("split_id", "payee_id", "share_ppb")
    for digest, payee, share_ppb in rows:
        found[digest].append((payee, share_ppb))
    return found


def _fact(digest: str, shares: Shares) -> dict[str, Any]:
    """Return the body of the ledger entry: the shares where they fit, else the number of payees."""
    if len(shares) > MAX_PAYEES_IN_ENTRY:
        return {"split": digest, "payees": len(shares)}
    return {"split": digest, "shares": rules.split_document(shares)["shares"]}
