"""Every kind of refusal that the licensing API answers with, by its stable code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        _("Send a fresh value in the header Idempotency-Key with each new request."),
    ),
    "api-key-missing": Kind(
        401,
        _("An API key is missing"),
        _("Send the key as “Authorization: Bearer wl_…”: your studio's, or for statements yours as a creator."),
    ),
    "api-key-unknown": Kind(401, _("The API key does not work"), _("Check it for typing errors, or make a new one.")),
    "payment-declined": Kind(
        402, _("The payment was declined"), _("Nothing was granted. Order again under a new key with another card.")
    ),
    "not-allowed": Kind(403, _("Not allowed"), _("Ask an owner of your studio.")),
    "seat-refused": Kind(
        403, _("Your seat does not allow that"), _("Nothing was written. Ask an owner of your studio.")
    ),
    "license-not-active": Kind(
        403, _("The license is not active"), _("It is suspended or revoked; its payment is disputed or was taken back.")
    ),
    "paper-refused": Kind(
        403, _("The paper cannot be made"), _("The detail says why; the signed text is still there.")
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
        422, _("The idempotency key is taken"), _("It stands for another request of your studio: send a fresh key.")
    ),
    "price-refused": Kind(422, _("There is no such price"), _("Nothing was charged. The detail says what to ask for.")),
    "license-unreadable": Kind(
        422, _("The license cannot be read"), _("The detail says where; send the license alone, as it was published.")
    ),
    "license-unwritable": Kind(
        422,
        _("The terms cannot be said in this form"),
        _("It would allow more than they do: findings say in what. Choose another form."),
    ),
    "layers-refused": Kind(
        422, _("The layers cannot be composed"), _("Give each layer a name of its own, or say of it what you said.")
    ),
    "grant-refused": Kind(409, _("The license cannot be granted"), _("Nothing was charged. The detail says why.")),
    "exclusivity-taken": Kind(
        409,
        _("Somebody has it exclusively"),
        _("Nothing was charged. The detail says in what, and until when; ask for other fields, places or days."),
    ),
    "project-refused": Kind(
        422, _("The project cannot be opened"), _("Nothing was written. The detail says what to change.")
    ),
    "refund-request-refused": Kind(
        409, _("The refund cannot be asked for"), _("Nothing was written. The detail says why.")
    ),
    "unable-to-pay": Kind(
        409, _("The payment is not possible"), _("Nothing was charged. Read the order: its payment says how it stands.")
    ),
    "unable-to-choose-way": Kind(
        409, _("You cannot be paid like that"), _("Nothing has changed. The detail says why.")
    ),
    "unable-to-keep-method": Kind(409, _("The card cannot be used so"), _("Nothing has changed. The detail says why.")),
    "invoice-refused": Kind(
        409, _("There is no invoice for that"), _("Nothing was written. The detail says what is missing.")
    ),
    "seat-not-assigned": Kind(
        409, _("The seat cannot be assigned"), _("Nothing was written. Release a seat, or seat the person first.")
    ),
    "transfer-of-license-refused": Kind(
        409, _("The license cannot be passed on"), _("Nothing was written. The detail says why.")
    ),
    "usage-refused": Kind(422, _("The use cannot be reported"), _("Nothing was written. The detail says why.")),
    "certificate-refused": Kind(
        422,
        _("The certificate cannot be trusted"),
        _("The detail says why; send the file certificate.jws as it was downloaded."),
    ),
    "bargain-refused": Kind(
        422,
        _("The answer cannot be given"),
        _("Nothing was written. The detail says whose turn it is, or what is wrong."),
    ),
    "recipe-unreadable": Kind(
        422,
        _("The recipe cannot be read"),
        _("Nothing was written. Each finding has its line and column, and what to write instead where that is known."),
    ),
    "recipe-refused": Kind(
        422, _("The recipe cannot be kept"), _("Nothing was written. The detail says what to change.")
    ),
    "recipe-of-others": Kind(
        403, _("The recipe is not yours to change"), _("Nothing was written. Ask its author, or fork it.")
    ),
    "recipe-not-runnable": Kind(
        403,
        _("A license of the recipe does not hold"),
        _("The detail names the first layer: license it, then lock the recipe again."),
    ),
    "run-refused": Kind(
        422,
        _("The lock cannot be run here"),
        _("Nothing was asked or charged. Findings name each layer: give it a pack whose service paints it."),
    ),
    "service-over-quota": Kind(
        429,
        _("A service takes no more jobs for now"),
        _("Nothing was asked or charged. The detail names the layer and says when to try again."),
    ),
    "too-many-runs": Kind(
        429, _("Too many runs are on their way"), _("Nothing was asked or charged. Wait until one of them is over.")
    ),
    "lock-refused": Kind(
        422,
        _("The recipe cannot be locked"),
        _("Nothing was written. Findings say which layer and why; /recipes/check says what would help."),
    ),
    "mask-refused": Kind(
        422, _("The picture cannot be a mask"), _("Nothing was written. The detail says what to send instead.")
    ),
    "import-refused": Kind(
        422,
        _("The file cannot be read"),
        _("Nothing of it was kept. The detail says why, and what to send instead."),
    ),
    "picture-not-counted": Kind(
        422,
        _("The picture cannot be counted"),
        _("Nothing was written. Only pictures that name a lock of your studio are counted."),
    ),
    "export-refused": Kind(
        422, _("The lock cannot be exported so"), _("The detail says why: choose another form, or run the recipe here.")
    ),
    "recipe-quote-refused": Kind(
        422,
        _("The recipe cannot be quoted"),
        _("Nothing was written. Findings say which layer and why; /recipes/check says what would help."),
    ),
    "recipe-quote-expired": Kind(
        409, _("The quote has expired"), _("Nothing was charged. Ask for a new quote: one is kept for 30 minutes.")
    ),
    "payment-waiting": Kind(
        409,
        _("The payment is not finished"),
        _("The detail says where a person goes on with it; then send the same request again."),
    ),
    "recipe-price-changed": Kind(
        409,
        _("A price changed since the quote"),
        _("Nothing was charged. The detail says the old and the new price: ask for a new quote."),
    ),
    "usage-unreadable": Kind(
        422,
        _("The uses cannot be read"),
        _("Nothing was counted. The detail says where, in the envelope or in the batch that was signed."),
    ),
    "usage-unsigned": Kind(
        403,
        _("The signature does not count"),
        _("Nothing was counted. Sign the batch once, with a key of your studio's that was not ended."),
    ),
    "use-refused": Kind(
        422,
        _("A use does not count"),
        _("Nothing was counted, nor the others of the batch. The detail says which and why."),
    ),
    "use-unlicensed": Kind(
        422,
        _("A use was not licensed"),
        _("Nothing was counted. License the layer and lock the recipe again, or send the other uses without this one."),
    ),
    "nonce-reused": Kind(
        409,
        _("A nonce is taken"),
        _("Nothing was counted. It stands for another use: give each use a fresh one."),
    ),
    "usage-key-refused": Kind(
        422, _("The key cannot be registered or ended"), _("Nothing was written. The detail says why.")
    ),
    "declaration-refused": Kind(
        422, _("The declaration cannot be taken"), _("Nothing was written. The detail says what to change.")
    ),
    "billing-details-refused": Kind(
        422, _("The billing details cannot be taken"), _("Nothing was written. The detail says what to change.")
    ),
    "unforeseen": Kind(500, _("Something broke on our side"), _("Try again; quote the request id when you ask us.")),
    "gateway-unavailable": Kind(
        503, _("The payment is not decided yet"), _("Send the same request again with the same idempotency key.")
    ),
    "tax-unavailable": Kind(
        503, _("The taxes are not known"), _("Nothing was ordered. Send the same request again after a while.")
    ),
    "proof-pending": Kind(503, _("The proof is being sealed"), _("Ask again after the seconds in Retry-After.")),
}

# Where a finding was made: a part of the request as OpenAPI names it, a file of a pack, a dimension of terms, or a line
# of a recipe.
PARTS = ("body", "query", "header", "path", "file", "terms", "recipe")
NOT_KNOWN = gettext_noop("is not known here.")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `where` is a JSON pointer (RFC 6901) in the body, elsewhere a name.

    `more` is what only findings of its part have: in a recipe line, column, length, code and suggestion.
    """

    part: str
    where: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def shape(self) -> dict[str, Any]:
        """This will write it as answers show it."""
        return {"in": self.part, "where": self.where, "message": self.message, **self.more}


def pointer(*names: object) -> str:
    """This will write a JSON pointer (RFC 6901, section 3)."""
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)
