"""Looks whether something was done of which we never heard: by whoever knows how, or by our key in what was made."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from marketplace.provider import rules
from marketplace.provider.client import ProviderUnavailable, client

# Our clock and the provider's may differ by that, and a request may have been on its way.
_MARGIN = timedelta(hours=1)
_MOST = 10_000
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
    *, operation: str, key: str, account: str, find: Callable[[Any], Any] | None, attempts: Sequence[rules.Attempt]
) -> dict[str, Any] | None:
    """Return the object that the attempts have made, as plain values, or None where there is none.

    What only changes an object, or makes what nobody lists (links, sessions of a portal), may be done again and is
    never found; so the caller of such an operation gives `find` where twice is not the same as once.
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
    if not ids and service not in _WITHOUT_DATES:
        first, last = attempts[0].sent_at - _MARGIN, attempts[-1].sent_at + _MARGIN
        given["created"] = {"gte": int(first.timestamp()), "lte": int(last.timestamp())}
    options = {"stripe_account": account} if account else {}
    listed: Iterable[Any] = at.list(*ids, given, options).auto_paging_iter()
    seen = 0
    for each in islice(listed, _MOST):
        body, seen = plain(each), seen + 1
        if body is not None and (body.get("metadata") or {}).get("worldloom_key") == key:
            return body
    if seen == _MOST:
        raise ProviderUnavailable("unsettled", "too much was made in those hours to look through it all")
    return None


def plain(found: Any) -> dict[str, Any] | None:
    """Return an object of the client's as plain values; what is none already stays as it is."""
    if found is None:
        return None
    body = found if isinstance(found, dict) else found.to_dict(for_json=True)
    return rules.plain(json.dumps(body))
