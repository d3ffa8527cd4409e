"""Looks what became of something that was asked for, or not, without asking for it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from marketplace.provider import rules
from marketplace.provider.client import ProviderRefused, ProviderUnavailable, unavailable
from marketplace.provider.looking import look_up
from marketplace.provider.models import ProviderAnswer, ProviderCall


def seek(*, key: str, now: datetime, find: Callable[[Any], Any] | None = None) -> dict[str, Any] | None:
    """Return what was made under a key, as plain values; None where it was never sent, or is not there.

    Nothing is sent but questions. `find` is as for `calls.perform`. Raises ProviderRefused as it was answered, and
    ProviderUnavailable where nobody knows: the provider is away, or it was sent a moment ago and may still arrive.
    """
    call = ProviderCall.objects.select_related("answer").filter(key=key).first()
    if call is None:
        return None
    if (answer := getattr(call, "answer", None)) is not None:
        if answer.outcome == ProviderAnswer.REFUSED:
            raise ProviderRefused(answer.body)
        body: dict[str, Any] = answer.body
        return body
    sent = [rules.Attempt(each.number, each.generation, each.sent_at) for each in call.attempts.order_by("number")]
    if not sent:
        return None
    try:
        found = look_up(operation=call.operation, key=key, account=call.account, find=find, attempts=sent)
    except Exception as error:
        raise unavailable(error) or ProviderUnavailable("failed", str(error)[:300]) from error
    if found is None and now - sent[-1].sent_at < rules.SETTLED_AFTER:
        raise ProviderUnavailable("unsettled", "sent a moment ago, and not there yet")
    return found
