"""Looks whether something was done of which we never heard: by whoever knows how, or by our key in what was made."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from marketplace.provider import rules
from marketplace.provider.client import ProviderUnavailable, client

# Our clock and the provider's may differ by that, and a request may have been on its way; most are there much nearer.
_MARGIN, _NEAR = 3600, 300
# So many objects are looked through at most, a hundred a request. Beyond that nobody knows, and nothing is sent anew.
MOST = 100_000
# What lists can be asked for beside the time, of what an object is made with.
_NARROWER = {
    "invoice_items": "invoice",
    "payment_intents": "customer",
    "refunds": "charge",
    "setup_intents": "customer",
    "transfers": "transfer_group",
}
# Lists that cannot be asked for a time.
_WITHOUT_DATES = frozenset(
    [
        "payment_links",
        "payment_method_configurations",
        "payment_methods",
        "quotes",
        "subscription_items",
        "webhook_endpoints",
    ]
)


def look_up(
    *,
    operation: str,
    key: str,
    account: str,
    find: Callable[[Any], Any] | None,
    attempts: Sequence[rules.Attempt],
    params: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Return the object that the attempts have made, as plain values, or None where there is none.

    What only changes an object, or makes what nobody lists (links, sessions of a portal), may be done again and is
    never found; so the caller of such an operation gives `find` where twice is not the same as once. `params` are what
    it is made with, where they are known. Raises ProviderUnavailable where there is too much to look through, so that
    nothing counts as missing because a list was cut.
    """
    if find is not None:
        return plain(find(client()))
    service, method, ids = rules.named(operation)
    if not rules.has_metadata(operation):
        return None
    at: Any = client().v1
    for name in service.split("."):
        at = getattr(at, name)
    if method != "create" or not hasattr(at, "list"):
        return None
    given: dict[str, Any] = {"limit": 100}
    narrower = _NARROWER.get(service, "")
    if (params or {}).get(narrower):
        given[narrower] = (params or {})[narrower]
    options = {"stripe_account": account} if account else {}
    seen = 0
    for bounds in [{}] if ids or service in _WITHOUT_DATES else _spans(attempts):
        for each in at.list(*ids, given | bounds, options).auto_paging_iter():
            if seen == MOST:
                raise ProviderUnavailable("unsettled", "too much was made in those hours to look through it all")
            body, seen = plain(each), seen + 1
            if body is not None and (body.get("metadata") or {}).get("worldloom_key") == key:
                return body
    return None


def _spans(attempts: Sequence[rules.Attempt]) -> Iterator[dict[str, Any]]:
    """Give the spans of time in which an attempt may have made something, the nearest to one first; none overlap."""
    sent = [int(each.sent_at.timestamp()) for each in attempts]
    ends = sorted({at + apart for at in sent for apart in (-_MARGIN, -_NEAR, _NEAR, _MARGIN)})
    spans = [
        (min(abs(first + last - 2 * at) for at in sent), first, last)
        for first, last in pairwise(ends)
        if any(at - _MARGIN <= first and last <= at + _MARGIN for at in sent)
    ]
    for _apart, first, last in sorted(spans):
        yield {"created": {"gte": first, "lt": last + (last == ends[-1])}}


def plain(found: Any) -> dict[str, Any] | None:
    """Return an object of the client's as plain values; what is none already stays as it is."""
    if found is None:
        return None
    body = found if isinstance(found, dict) else found.to_dict(for_json=True)
    return rules.plain(json.dumps(body))
