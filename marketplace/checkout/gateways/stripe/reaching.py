"""How the gateway asks Stripe to do something once for a key, and how it looks without one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from marketplace.checkout.gateways.base import GatewayUnavailable
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


def ask(*, key: str, operation: str, params: Mapping[str, Any], subject: str, now: datetime) -> Row:
    """This will do as the outbox's `perform`; raises GatewayUnavailable, ProviderRefused.

    Words among the parameters may have changed since the key was asked first, such as the name of a seller: then Stripe
    refuses the key, and what was made under it is found.
    """
    with reaching():
        return perform(key=key, operation=operation, params=params, subject=subject, now=now)


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


def is_missing(error: GatewayUnavailable) -> bool:
    """This will tell whether an object could not be read because it is not there any more."""
    cause = error.__cause__.__cause__ if error.__cause__ else None
    return getattr(cause, "http_status", None) == 404


def seen(read: Callable[[Any], Any]) -> Row:
    """This will read an object as plain values; raises ProviderUnavailable where it is not to be had now."""
    try:
        found = plain(read(client()))
    except Exception as error:
        raise unavailable(error) or ProviderUnavailable("failed", str(error)[:300]) from error
    if found is None:
        raise ProviderUnavailable("failed", "nothing was answered")
    return found


def look_all(read: Callable[[Any], Any]) -> list[Row]:
    """This will read all of a list, page by page; raises GatewayUnavailable where it is not to be had now."""
    with reaching():
        return seen_all(read)


def seen_all(read: Callable[[Any], Any]) -> list[Row]:
    """This will read all of a list, page by page; raises ProviderUnavailable where it is not to be had now."""
    try:
        return [plain(each) or {} for each in read(client()).auto_paging_iter()]
    except Exception as error:
        raise unavailable(error) or ProviderUnavailable("failed", str(error)[:300]) from error
