"""How the gateway asks Stripe: once for a key, with the same parameters each time; and how it looks without a key."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.stripe_models import GatewayRequest
from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderUnavailable, client, unavailable
from marketplace.provider.looking import plain

Row = dict[str, Any]


@contextmanager
def reaching() -> Iterator[None]:
    """This will raise GatewayUnavailable where the connection to the provider says that nobody knows."""
    try:
        yield
    except ProviderUnavailable as error:
        raise GatewayUnavailable(str(error)) from error


def ask(
    *,
    key: str,
    operation: str,
    params: Mapping[str, Any],
    subject: str,
    now: datetime,
    find: Callable[[Any], Any] | None = None,
) -> Row:
    """This will do as the outbox's `perform`, with what the key was asked with first: words in it, such as the name of
    a seller, may have changed since. Amounts of a key never do.

    Raises GatewayUnavailable, ProviderRefused.
    """
    asked, _made = GatewayRequest.objects.get_or_create(key=key, defaults={"params": params, "at": now})
    with reaching():
        return perform(key=key, operation=operation, params=asked.params, subject=subject, now=now, find=find)


def change(
    *,
    key: str,
    operation: str,
    subject: str,
    now: datetime,
    done: Callable[[Any], Any],
    params: Mapping[str, Any] | None = None,
) -> Row:
    """This will change an object once; `done` looks whether it was changed by an attempt that we never heard of.

    Raises GatewayUnavailable, ProviderRefused.
    """
    with reaching():
        return perform(key=key, operation=operation, params=params or {}, subject=subject, now=now, find=done)


def look(read: Callable[[Any], Any]) -> Row:
    """This will read an object as plain values; raises GatewayUnavailable where it is not to be had now."""
    with reaching():
        return seen(read)


def seen(read: Callable[[Any], Any]) -> Row:
    """This will read an object as plain values; raises ProviderUnavailable where it is not to be had now."""
    try:
        found = plain(read(client()))
    except Exception as error:
        raise unavailable(error) or ProviderUnavailable("failed", str(error)[:300]) from error
    if found is None:
        raise ProviderUnavailable("failed", "nothing was answered")
    return found
