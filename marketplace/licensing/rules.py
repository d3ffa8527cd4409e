"""What a license allows, as data: nothing is allowed by default, and the words are made from the data."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from uuid import UUID

import rfc8785

TERMS_FORMAT = "worldloom/terms/1"
LICENSEE_FORMAT = "worldloom/licensee/1"
PRICE_FORMAT = "worldloom/price/1"

# Each scale goes from nothing to everything; a word further right includes those left of it.
COMMERCIAL = ("none", "limited", "full")
DERIVATIVES = ("none", "private", "share")
AI_TRAINING = ("none", "own", "share")
REDISTRIBUTION = ("none", "in-product", "raw")
UNLIMITED_SEATS = 0
# RFC 8785 writes integers as IEEE 754 doubles can hold them; a price must be able to stand in a commitment.
PRICE_LIMIT_MINOR = 2**53 - 1


@dataclass(frozen=True)
class Terms:
    """What a licensee may do. `seats` counts people, 0 means without limit; the revenue cap is in whole US dollars
    a year, 0 means none, and counts only where `commercial` is `limited`."""

    name: str
    commercial: str = "none"
    revenue_cap_usd: int = 0
    derivatives: str = "none"
    ai_training: str = "none"
    redistribution: str = "none"
    seats: int = 1
    credit_required: bool = True

    def __post_init__(self) -> None:
        scales = {
            "commercial": COMMERCIAL,
            "derivatives": DERIVATIVES,
            "ai_training": AI_TRAINING,
            "redistribution": REDISTRIBUTION,
        }
        for dimension, scale in scales.items():
            if getattr(self, dimension) not in scale:
                raise ValueError(f"{dimension} must be one of {', '.join(scale)}, not {getattr(self, dimension)!r}.")
        if self.seats < 0 or self.revenue_cap_usd < 0:
            raise ValueError("seats and revenue_cap_usd cannot be negative.")
        if (self.commercial == "limited") != (self.revenue_cap_usd > 0):
            raise ValueError("A revenue cap goes with limited commercial use, and only with it.")


READY: Mapping[str, Terms] = {
    "personal": Terms(name="personal", derivatives="private"),
    "studio": Terms(
        name="studio",
        commercial="limited",
        revenue_cap_usd=1_000_000,
        derivatives="private",
        ai_training="own",
        redistribution="in-product",
        seats=30,
    ),
    "enterprise": Terms(
        name="enterprise",
        commercial="full",
        derivatives="share",
        ai_training="own",
        redistribution="in-product",
        seats=UNLIMITED_SEATS,
        credit_required=False,
    ),
}


def within_consent(terms: Terms, ai_training: str) -> Terms:
    """This will take AI training out of terms where the creator's release does not consent to it."""
    return terms if ai_training == "with-license" else replace(terms, ai_training="none")


def terms_document(terms: Terms) -> bytes:
    """This will write terms as `worldloom/terms/1`, RFC 8785 JSON (docs/formats/terms.md)."""
    return rfc8785.dumps({"format": TERMS_FORMAT, **asdict(terms)})


def licensee_document(name: str, salt: str) -> bytes:
    """This will write who is licensed; the log holds only its SHA-256, so erasing the salt erases the name."""
    return rfc8785.dumps({"format": LICENSEE_FORMAT, "name": name, "salt": salt})


def price_document(price_minor: int, currency: str, salt: str) -> bytes:
    """This will write a price; the log holds only its SHA-256."""
    return rfc8785.dumps({"format": PRICE_FORMAT, "price_minor": price_minor, "currency": currency, "salt": salt})


def digest(data: bytes) -> str:
    """This will name bytes: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def gettext_noop(message: str) -> str:
    """This will mark a sentence for translation; whoever shows it translates the template and fills in the values."""
    return message


_ = gettext_noop


@dataclass(frozen=True)
class Right:
    """One line of the license in words: allowed or not, a template to translate, and the values that go into it."""

    allowed: bool
    template: str
    values: tuple[tuple[str, int], ...] = ()

    def values_dict(self) -> dict[str, int]:
        return dict(self.values)


def rights_in(terms: Terms) -> list[Right]:
    """This will say in words what terms allow and forbid, one line a dimension, in a fixed order."""
    commercial = {
        "none": Right(False, _("No commercial use")),
        "limited": Right(
            True,
            _("Commercial use in films and games, for companies that earn up to US$%(cap)s a year"),
            (("cap", terms.revenue_cap_usd),),
        ),
        "full": Right(True, _("Commercial use in films and games, without a revenue limit")),
    }[terms.commercial]
    derivatives = {
        "none": Right(False, _("No changes to the work")),
        "private": Right(True, _("Change it for your own projects")),
        "share": Right(True, _("Change it, and share what you made from it inside your projects")),
    }[terms.derivatives]
    training = {
        "none": Right(False, _("No AI training with it")),
        "own": Right(True, _("Fine-tune your own models with it, for internal use")),
        "share": Right(True, _("Train models with it and share them")),
    }[terms.ai_training]
    redistribution = {
        "none": Right(False, _("No passing on of the files")),
        "in-product": Right(True, _("Ship it inside a finished product, never as files of its own")),
        "raw": Right(True, _("Pass the files on as they are")),
    }[terms.redistribution]
    if terms.seats == UNLIMITED_SEATS:
        seats = Right(True, _("Any number of people in your studio"))
    elif terms.seats == 1:
        seats = Right(True, _("One person"))
    else:
        seats = Right(True, _("Up to %(seats)s people in your studio"), (("seats", terms.seats),))
    credit = (
        Right(True, _("Credit the creator by name")) if terms.credit_required else Right(True, _("No credit needed"))
    )
    return [commercial, derivatives, training, redistribution, seats, credit]


def drawn(seed: bytes, *about: str) -> tuple[UUID, str]:
    """This will draw an offer's id and salt, 32 bytes in hex, by HMAC-SHA-256: always the same from the same seed."""

    def draw(name: str) -> bytes:
        return hmac.digest(seed, "\n".join((name, *about)).encode(), "sha256")

    return UUID(bytes=draw("id")[:16], version=4), draw("salt").hex()
