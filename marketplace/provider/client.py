"""The provider's client, made once for a key and an address, and the two ways in which it says no."""

import json
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from marketplace.provider import rules

if TYPE_CHECKING:
    from stripe import StripeClient

log = logging.getLogger(__name__)
# An attempt is over for sure before the next generation of its key may be sent: see rules.SETTLED_AFTER.
MOST_SECONDS = 100


class ProviderUnavailable(Exception):
    """Nobody knows whether it was done: ask again later, with the same key.

    `kind` says why: `away` (no answer), `busy` (the same is being done), `limited` (too many requests), `failed` (the
    provider broke down), `saved` (and answers that for ever), `keys` (the key was used otherwise), `config` (our key
    is refused, or may not act for the account), `unsettled` (too early to send it anew), `contradicts` (what is found
    there is not what was asked for), `unasked` (many before it were not answered). `provider_code` is the provider's
    own word, where it said one.
    """

    code = "provider-unavailable"

    def __init__(self, kind: str, message: str = "", *, status: int | None = None, provider_code: str = "") -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message, self.status, self.provider_code = kind, message, status, provider_code


class ProviderRefused(Exception):
    """It was not done, and the same key never will be.

    `provider_code`, `decline_code` and `param` are the provider's words (`card_declined`, `insufficient_funds`),
    `object_id` names what was made nevertheless, such as a PaymentIntent whose card was declined; `body` is all of it.
    """

    code = "provider-refused"

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body.get("message") or body.get("code") or "refused")
        self.body = body
        self.message: str = body.get("message") or ""
        self.provider_code: str = body.get("code") or ""
        self.decline_code: str = body.get("decline_code") or ""
        self.param: str = body.get("param") or ""
        self.kind: str = body.get("type") or ""
        self.status: int = body.get("status") or 400
        self.object_id: str = body.get("object_id") or ""
        self.charge_id: str = body.get("charge") or ""


def client() -> "StripeClient":
    """Return the client for the key and the address of the settings; it tries once.

    Raises ProviderUnavailable (`config`) without a key.
    """
    given = settings.STRIPE
    if not given["key"]:
        raise ProviderUnavailable("config", "WORLDLOOM_STRIPE_KEY is not set")
    return _made(given["key"], given["api"], min(given["timeout_seconds"], MOST_SECONDS))


def is_live() -> bool:
    """Tell whether the key moves money: events of the other mode are not ours to hear."""
    return "_live_" in settings.STRIPE["key"][:8]


@lru_cache(maxsize=4)
def _made(key: str, api: str, timeout_seconds: int) -> "StripeClient":
    import stripe

    from marketplace.provider.connections import Connections

    # How long our calls took is nobody else's business.
    stripe.enable_telemetry = False
    addresses: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), api) if api else None
    return stripe.StripeClient(
        key,
        base_addresses=addresses,
        max_network_retries=0,
        http_client=Connections(timeout_seconds=timeout_seconds),
    )


def unavailable(error: Exception) -> ProviderUnavailable | None:
    """Return what an error of the provider's client means where it leaves open what was done; None where it is final.

    What is no error of that client leaves it open too.
    """
    if isinstance(error, ProviderUnavailable):
        return error
    if not hasattr(error, "http_status"):
        log.error("a call of the provider broke down on our side", exc_info=error)
        return ProviderUnavailable("failed", repr(error)[:300])
    status = getattr(error, "http_status", None)
    said = getattr(error, "json_body", None)
    body = said.get("error") if isinstance(said, dict) else None
    body = body if isinstance(body, dict) else {}
    kind = _kind(error, status, body)
    if kind is None:
        return None
    message = " ".join(str(body.get("message") or getattr(error, "user_message", "") or error).split())
    return ProviderUnavailable(kind, message[:300], status=status, provider_code=str(body.get("code") or "")[:80])


def _kind(error: Exception, status: int | None, body: dict[str, Any]) -> str | None:
    if status is None:
        return "away"
    if status in (401, 403):
        return "config"
    if status == 409:
        return "busy"
    if status == 429 or body.get("code") == "rate_limit":
        return "limited"
    if body.get("type") == "idempotency_error":
        return "keys"
    if status in (400, 402, 404, 405, 410, 422) and body:
        return None
    headers = {name.lower(): value for name, value in (getattr(error, "headers", None) or {}).items()}
    return "saved" if headers.get("idempotent-replayed") == "true" else "failed"


def refused(error: Exception) -> dict[str, Any]:
    """Return what is kept of a final refusal: the error without whatever is private, its status, and what was made."""
    failed: Any = error
    said: dict[str, Any] = json.loads(json.dumps(failed.json_body["error"]), parse_float=str)
    body = {**rules.kept(said), "status": failed.http_status}
    made = next((said[name] for name in ("payment_intent", "setup_intent") if said.get(name)), None)
    if made:
        body["object_id"] = made["id"] if isinstance(made, dict) else str(made)
    return body
