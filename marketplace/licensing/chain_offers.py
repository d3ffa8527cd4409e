"""Offers sold on a chain: the licensor signs, the marketplace signs the same bytes, and whoever pays has a license."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from ledger.chain import typed
from ledger.chain.abi import call_data
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig
from ledger.chain.suite import Suite, Token, checked, suite
from marketplace.licensing import chain_closing, chain_stale, exclusivity, pricing_queries, rules
from marketplace.licensing.chain_offer_models import ChainOffer, ChainOfferClosing, LicenseeCommitment
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.payouts.vault_rules import unit_of
from marketplace.people.models import Creator, Person, Studio

LONGEST = timedelta(days=366)
"""How long an offer may be sold on the chain by one signature; then its licensor signs anew."""

MOST_SUPPLY = 2**32 - 1


class UnableToOfferOnChain(Exception):
    """The offer is not one that can be sold on the chain, or the signature is not one for it; nothing was written."""

    code = "chain-offer-refused"

    def __init__(self, offer: Offer, reason: str) -> None:
        super().__init__(reason)
        self.offer, self.reason = offer, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a licensor says beside the offer itself: how many, from when to when (seconds since the Unix epoch).

    `nonce` is the licensor's number for it: drawn, so that an offer is closed without closing another.
    """

    supply: int
    not_before: int
    deadline: int
    nonce: int


def limits(*, now: datetime, days: int, supply: int = 0) -> Limits:
    """This will draw up limits from now on, for so many days."""
    begins = int(now.timestamp())
    return Limits(supply=supply, not_before=begins, deadline=begins + days * 86_400, nonce=secrets.randbits(62))


def what_hinders(offer: Offer, now: datetime) -> str:
    """This will say why an offer cannot be sold on the chain now, in a sentence, or nothing."""
    return next((told for code, told in _hindrances(offer, now) if code), "")


def _hindrances(offer: Offer, now: datetime) -> Sequence[tuple[str, str]]:
    """Lists (code or nothing, sentence): what stands against selling the offer as it is now; codes are of closings."""
    rows = pricing_queries.price_history(offer)
    price = pricing_queries.current(rows, now, pricing_queries.sold(rows))
    more, rest = divmod(settings.PLATFORM_FEE_PPB, 100_000)
    terms = exclusivity.terms_of(offer)
    closing = ChainOfferClosing
    known = suite()
    token = known.token(offer.currency) if known else None
    unit = unit_of(token.decimals, token.currency) if token else None
    is_later = price.number != rows[-1].number
    taken = exclusivity.standing(
        terms=terms, pack=offer.release.pack_id, starts_at=now, ends_at=now + timedelta(seconds=1)
    )
    values = {"terms": offer.terms.name, "currency": offer.currency}
    return (
        (closing.WITHDRAWN if hasattr(offer, "withdrawal") else "", _("“%(terms)s” is no longer sold.") % values),
        (
            closing.PRICE if offer.model != "one-off" or price.tiers or price.kind != OfferPrice.REGULAR else "",
            _("“%(terms)s” has no fixed price: only one that is the same for everybody can be paid on a chain.")
            % values,
        ),
        (closing.PRICE if is_later else "", _("The price of “%(terms)s” is about to change: sign it then.") % values),
        (
            closing.PRICE if price.price_minor < 1 else "",
            _("“%(terms)s” costs nothing, and needs no chain: take it here.") % values,
        ),
        (
            closing.EXCLUSIVE if terms.exclusive else "",
            _("“%(terms)s” is exclusive: it is sold here, where nobody else can take it meanwhile.") % values,
        ),
        (
            closing.EXCLUSIVE if taken else "",
            _("Somebody has this pack exclusively for a part of what “%(terms)s” covers.") % values,
        ),
        (
            closing.ASKED if token is None or unit is None else "",
            _("There is no token for %(currency)s on this chain: offer it in another currency.") % values,
        ),
        (
            closing.FEE if rest or more > 10_000 else "",
            _("The marketplace's fee cannot be said on a chain, which counts in hundredths of a percent."),
        ),
    )


def message_of(*, offer: Offer, licensor: str, limits: Limits, now: datetime) -> tuple[Suite, Token, dict[str, Any]]:
    """This will write what both sign, by the contract's names, with the suite and the token that it is for.

    Raises UnableToOfferOnChain where the offer cannot be sold on the chain, or not within these limits.
    """
    if why := what_hinders(offer, now):
        raise UnableToOfferOnChain(offer, why)
    _check_limits(offer, limits, now)
    known = suite()
    token = known.token(offer.currency) if known else None
    unit = unit_of(token.decimals, token.currency) if token else None
    assert known is not None  # else something hinders
    assert token is not None
    assert unit is not None
    return (
        known,
        token,
        {
            "id": offer.pk.bytes,
            "licensor": licensor,
            "release": bytes.fromhex(offer.release.digest),
            "terms": bytes.fromhex(offer.terms_id),
            "split": bytes.fromhex(offer.release.split_id),
            "token": token.address,
            "price": pricing_queries.price_now(offer, now).price_minor * unit,
            "feeBps": settings.PLATFORM_FEE_PPB // 100_000,
            "supply": limits.supply,
            "notBefore": limits.not_before,
            "deadline": limits.deadline,
            "nonce": limits.nonce,
        },
    )


def _check_limits(offer: Offer, limits: Limits, now: datetime) -> None:
    if not 0 <= limits.supply <= MOST_SUPPLY or not 0 <= limits.nonce < 2**63:
        raise UnableToOfferOnChain(offer, _("Sell any number, or at most %d.") % MOST_SUPPLY)
    if not now.timestamp() < limits.deadline <= limits.not_before + LONGEST.total_seconds():
        raise UnableToOfferOnChain(
            offer, _("An offer on the chain ends after now, and within a year of its beginning.")
        )
    if limits.not_before > now.timestamp() + 60:
        raise UnableToOfferOnChain(offer, _("An offer on the chain begins when it is signed."))


def to_sign(*, offer: Offer, licensor: str, limits: Limits, now: datetime) -> dict[str, Any]:
    """This will write the document that the licensor's wallet shows and signs; raises UnableToOfferOnChain."""
    known, _token, message = message_of(offer=offer, licensor=licensor, limits=limits, now=now)
    return typed.as_json(typed.OFFER, message, chain_id=known.chain_id, contract=known.address("LicenseMarket"))


@transaction.atomic
def offer_on_chain(
    *, offer: Offer, by: Creator, licensor: str, limits: Limits, signature: bytes, now: datetime
) -> ChainOffer:
    """This will sell an offer on the chain: its owner's wallet `licensor` has signed it, and the marketplace does.

    By its own signature, of the same bytes, the marketplace says that it grants a license for each sale. Nothing is
    sent: who buys brings both. The same again is the first. Raises UnableToOfferOnChain, and ChainUnavailable where
    the marketplace's key cannot be read.
    """
    # Whatever ends or changes the offer waits for this, and then closes it.
    offer = (
        Offer.objects.select_for_update(no_key=True, of=("self",))
        .select_related("terms", "release__pack")
        .get(pk=offer.pk)
    )
    if offer.release.pack.owner_id != by.pk:
        raise UnableToOfferOnChain(offer, _("Only its owner can offer this release."))
    try:
        licensor = checked(licensor.strip())
    except ValueError:
        raise UnableToOfferOnChain(offer, _("That is no address of a wallet.")) from None
    known, token, message = message_of(offer=offer, licensor=licensor, limits=limits, now=now)
    place: Any = {"chain_id": known.chain_id, "contract": known.address("LicenseMarket")}
    digest = typed.typed_digest(typed.OFFER, message, **place)
    signature = typed.normalized(signature)
    if typed.recover(digest, signature) != licensor:
        raise UnableToOfferOnChain(offer, _("The signature is not of this offer by the wallet %s.") % licensor)
    if there := ChainOffer.objects.filter(digest=digest.hex()).first():
        return there
    ours = typed.sign_digest(digest, ChainConfig.from_settings().key("offers"))
    try:
        with transaction.atomic():
            return ChainOffer.objects.create(
                digest=digest.hex(),
                offer=offer,
                by=by,
                chain_id=known.chain_id,
                market=known.address("LicenseMarket"),
                licensor=licensor,
                split_digest=offer.release.split_id,
                token=token.address,
                symbol=token.symbol,
                price_minor=pricing_queries.price_now(offer, now).price_minor,
                currency=offer.currency,
                price_units=message["price"],
                fee_bps=message["feeBps"],
                supply=limits.supply,
                not_before=datetime.fromtimestamp(limits.not_before, UTC),
                deadline=datetime.fromtimestamp(limits.deadline, UTC),
                nonce=limits.nonce,
                licensor_signature="0x" + signature.hex(),
                market_signature="0x" + ours.hex(),
                signed_at=now,
            )
    except IntegrityError:  # licensing_chain_nonce_is_used_once
        raise UnableToOfferOnChain(offer, _("This number was signed for another offer already: sign anew.")) from None


@transaction.atomic
def stop_on_chain(*, chain_offer: ChainOffer, by: Creator, now: datetime) -> bool:
    """This will close an offer on the chain for its owner; the offer here stays. Raises UnableToOfferOnChain."""
    if chain_offer.offer.release.pack.owner_id != by.pk:
        raise UnableToOfferOnChain(chain_offer.offer, _("Only its owner can offer this release."))
    return chain_closing.close_one(chain_offer=chain_offer, reason=ChainOfferClosing.ASKED, now=now)


def open_chain_offers(offers: Sequence[Offer], now: datetime) -> dict[UUID, ChainOffer]:
    """This will find for each offer the newest that is open on the chain, if there is one.

    One of contracts that others took the place of is none: it is being closed.
    """
    try:
        known = suite()
    except ChainUnavailable:
        return {}
    mine = ChainOffer.objects.filter(chain_stale.of_the_suite(known), offer__in=[one.pk for one in offers])
    rows = chain_closing.open_now(mine, now)
    return {row.offer_id: row for row in rows.select_related("offer").order_by("pk")}


@transaction.atomic
def commit_licensee(*, offer: Offer, studio: Studio, person: Person, now: datetime) -> LicenseeCommitment:
    """This will draw what a buyer on the chain commits to, so that the license is for this studio by its name.

    Each has its own salt. Who may buy for the studio is for the caller to see.
    """
    name = studio.legal_name or studio.name
    salt = secrets.token_hex(32)
    return LicenseeCommitment.objects.create(
        commitment=rules.digest(rules.licensee_document(name, salt)),
        offer=offer,
        studio=studio,
        person=person,
        licensee_name=name,
        licensee_salt=salt,
        committed_at=now,
    )


def struct_of(row: ChainOffer) -> tuple[Any, ...]:
    """This will give `LicenseMarket.Offer` back, in the contract's order."""
    return (
        row.offer_id.bytes,
        row.licensor,
        bytes.fromhex(row.offer.release.digest),
        bytes.fromhex(row.offer.terms_id),
        bytes.fromhex(row.split_digest),
        row.token,
        int(row.price_units),
        row.fee_bps,
        row.supply,
        int(row.not_before.timestamp()),
        int(row.deadline.timestamp()),
        row.nonce,
    )


def buy_data(row: ChainOffer, *, licensee: str, commitment: str = "") -> bytes:
    """This will write the call that buys one license for a wallet; `commitment` is hex, nothing where there is none."""
    return call_data(
        "LicenseMarket",
        "buy",
        struct_of(row),
        bytes.fromhex(row.licensor_signature[2:]),
        bytes.fromhex(row.market_signature[2:]),
        licensee,
        bytes.fromhex(commitment or "00" * 32),
        int(row.price_units),
    )


def allow_data(row: ChainOffer) -> bytes:
    """This will write the call that lets the market take the price of one license from the buyer's wallet."""
    return call_data("ERC20", "approve", row.market, int(row.price_units))
