"""Questions about uses; none writes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connection

from ledger.signing.jwk import encode_base64url
from marketplace.compositions.uses import UsageBatch, UsageEvent, UsageKey
from marketplace.people.models import Studio

PAGE_SIZE = 24
_LONGEST_MONTH = timedelta(days=31)


def usage_keys(studio: Studio) -> list[UsageKey]:
    """This will list the keys of a studio, ended ones too, each with `end` at hand."""
    return list(UsageKey.objects.filter(studio=studio).select_related("end", "added_by").order_by("-added_at", "-id"))


def usage_key(studio: Studio, key_id: UUID | str) -> UsageKey | None:
    """This will find a key of a studio; those of others are not there."""
    return UsageKey.objects.filter(studio=studio, pk=key_id).select_related("studio", "end", "added_by").first()


def jwk_of(key: UsageKey) -> Mapping[str, str]:
    """This will write a key's public half as RFC 8037 has it."""
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(bytes(key.public_key))}


def uses_of(
    studio: Studio, *, recipe: str = "", month: date | None = None, after: str = "", size: int = PAGE_SIZE
) -> tuple[Sequence[UsageEvent], str | None]:
    """This will list what was counted for a studio, newest first, by keyset over (received_at, nonce).

    Each event carries `batch` and its `key`. `recipe`, a lock's digest, and `month`, its first day, narrow the list.
    """
    rows = UsageEvent.objects.filter(studio=studio).select_related("batch__key").order_by("-received_at", "-nonce")
    if recipe:
        rows = rows.filter(lock=recipe)
    if month is not None:
        begins = datetime.combine(month, time(), UTC)
        # The month is that of `received_at`, by which the rows are found in their order.
        rows = rows.filter(month=month, received_at__gte=begins, received_at__lt=begins + _LONGEST_MONTH)
    if after:
        moment, _sign, nonce = after.partition("~")
        at = [datetime.fromisoformat(moment), UUID(nonce)]
        rows = rows.extra(
            where=["(compositions_usageevent.received_at, compositions_usageevent.nonce) < (%s, %s)"], params=at
        )
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.received_at.isoformat()}~{last.nonce}" if last else None


def batch_of(studio: Studio, sha256: str) -> UsageBatch | None:
    """This will find a batch of a studio by the digest of what was signed, which is what the log says of it."""
    return UsageBatch.objects.filter(studio=studio, sha256=sha256).first()


def outputs_of(event: UsageEvent) -> Sequence[str]:
    """This will give the digests of what a use made."""
    whole = bytes(event.outputs).hex()
    return [whole[place : place + 64] for place in range(0, len(whole), 64)]


_UNITS = """
SELECT said.unit, sum(said.number::bigint)
  FROM compositions_usageevent one, jsonb_each_text(one.counts) AS said (unit, number)
 WHERE one.studio_id = %(studio)s AND one.lock_id = %(recipe)s AND one.month = %(month)s
 GROUP BY said.unit ORDER BY said.unit
"""


def counted(studio: Studio, *, recipe: str, month: date) -> tuple[int, dict[str, int]]:
    """This will add up what was counted of a recipe in a month: how many uses, and how much of each unit."""
    uses = UsageEvent.objects.filter(studio=studio, lock=recipe, month=month).count()
    with connection.cursor() as cursor:
        cursor.execute(_UNITS, {"studio": studio.pk, "recipe": recipe, "month": month})
        return uses, {unit: int(number) for unit, number in cursor.fetchall()}
