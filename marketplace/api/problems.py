"""Every kind of refusal that the licensing API answers with, by its stable code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

# Relative, with its full path (RFC 9457, section 3.1.1): it leads to the page of the very marketplace that refused.
TYPE_PREFIX = "/api/v1/docs#"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, its title, and what a client can do about it."""

    status: int
    title: Any
    remedy: Any


KINDS: Mapping[str, Kind] = {
    "invalid-json": Kind(
        400, _("The body cannot be read"), _("Send one JSON object in UTF-8; the detail says where it breaks.")
    ),
    "idempotency-key-missing": Kind(
        400,
        _("An idempotency key is missing"),
        _("Send a fresh value in the header Idempotency-Key with each new order."),
    ),
    "api-key-missing": Kind(
        401, _("An API key is missing"), _("Send your studio's key as “Authorization: Bearer wl_…”.")
    ),
    "api-key-unknown": Kind(401, _("The API key does not work"), _("Check it for typing errors, or make a new one.")),
    "payment-declined": Kind(
        402, _("The payment was declined"), _("Nothing was granted. Order again under a new key with another card.")
    ),
    "not-allowed": Kind(403, _("Not allowed"), _("Ask an owner of your studio.")),
    "license-not-active": Kind(
        403, _("The license is not active"), _("It is suspended or revoked; its payment is disputed or was taken back.")
    ),
    "not-found": Kind(404, _("Not found"), _("Check the address; what another studio holds is not found either.")),
    "method-not-allowed": Kind(405, _("Method not allowed"), _("The header Allow lists what this address knows.")),
    "not-acceptable": Kind(
        406, _("Not acceptable"), _("Ask for application/json, and for application/zip in downloads.")
    ),
    "too-large": Kind(413, _("The body is too large"), _("Send at most 256 KiB; an order names at most 50 offers.")),
    "unsupported-media-type": Kind(415, _("Unsupported media type"), _("Send application/json.")),
    "invalid-request": Kind(
        422, _("The request is not valid"), _("Each finding says in what part, where in it, and what is wrong.")
    ),
    "order-refused": Kind(422, _("The order was refused"), _("Nothing was charged. The detail says what to change.")),
    "payment-method-refused": Kind(
        422, _("This is no way to pay"), _("Nothing was charged. Send a card number that the marketplace takes.")
    ),
    "idempotency-key-reused": Kind(
        422, _("The idempotency key is taken"), _("It stands for another order of your studio: send a fresh key.")
    ),
    "unforeseen": Kind(500, _("Something broke on our side"), _("Try again; quote the request id when you ask us.")),
    "gateway-unavailable": Kind(
        503, _("The payment is not decided yet"), _("Send the same request again with the same idempotency key.")
    ),
    "proof-pending": Kind(503, _("The proof is being sealed"), _("Ask again after the seconds in Retry-After.")),
}

# Where a finding was made: a part of the request as OpenAPI names it, or a file of a pack.
PARTS = ("body", "query", "header", "path", "file")
NOT_KNOWN = gettext_noop("is not known here.")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `where` is a JSON pointer (RFC 6901) in the body, elsewhere a name."""

    part: str
    where: str
    message: str

    def shape(self) -> dict[str, str]:
        """This will write it as answers show it."""
        return {"in": self.part, "where": self.where, "message": self.message}


def pointer(*names: object) -> str:
    """This will write a JSON pointer (RFC 6901, section 3)."""
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)
