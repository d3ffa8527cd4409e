"""Licenses sold on a chain: the contract says what was sold, and the marketplace grants what it signed for."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from ledger.chain import typed
from ledger.chain.reading import reader
from ledger.chain.suite import checked, suite
from ledger.event_models import ChainEvent
from ledger.stating import UnableToState
from marketplace.checkout import chain_cases
from marketplace.checkout.chain_sale_models import ChainSale, ChainSaleRead, ChainSaleStep
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import ChainOffer, Grant, LicenseeCommitment, OfferWithdrawal
from marketplace.payouts.bookkeeping.chain_sales import sale_source
from marketplace.people.models import Person, Seat, Studio

log = logging.getLogger(__name__)

AT_ONCE = 200
_LOCK = 0x700C8

UNKNOWN_OFFER, WITHDRAWN, EXCLUSIVE, REFUSED = "unknown-offer", "withdrawn", "exclusive", "refused"
"""Why a sale is a case: it names no offer that we signed; the offer had ended; the pack is another's; the license could
not be granted for the reason that the note says."""

CLAIM = typed.Typed(
    contract="LicenseMarket",
    domain="Worldloom licenses",
    name="ClaimLicense",
    fields=(("seq", "uint32"), ("licensee", "address"), ("studio", "bytes16")),
)
"""Whoever has the licensee's wallet names the studio that the license is for; no contract reads it, we do."""


class UnableToClaimLicense(Exception):
    """The license that was bought on the chain stays as it is: whoever asks has not shown that it is theirs."""

    code = "chain-license-refused"

    def __init__(self, sale: ChainSale, reason: str) -> None:
        super().__init__(reason)
        self.sale, self.reason = sale, reason


class UnableToSettleSale(Exception):
    """The sale on the chain is no open case, or nothing is said of what was done about it."""

    code = "chain-sale-refused"

    def __init__(self, sale: ChainSale, reason: str) -> None:
        super().__init__(reason)
        self.sale, self.reason = sale, reason


def take_in(*, now: datetime) -> int:
    """This will take in what the market sold since the last call, and grant it; tell how many sales it was.

    Each sale is taken in once, in a transaction of its own, with its license: for the studio that the buyer committed
    to, or waiting for whoever shows that the wallet is theirs. One that cannot be honored is a case, with its reason,
    and never left out. The money is booked by itself (payouts), from the vault's own events.
    """
    known = suite()
    if known is None:
        return 0
    newest = ChainSaleRead.objects.order_by("-id").first()
    rows = ChainEvent.objects.filter(
        chain_id=known.chain_id,
        contract="LicenseMarket",
        event="LicenseSold",
        id__gt=newest.through if newest else 0,
        lost=None,
    ).order_by("id")
    return sum(take_in_event(event=event, now=now) for event in rows[:AT_ONCE])


@transaction.atomic
def take_in_event(*, event: ChainEvent, now: datetime) -> bool:
    """This will take in one sale, and grant it or say why not; False where it was taken in before.

    What the chain took back and mined again is the same sale, whatever its number there is now.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if ChainSaleRead.objects.filter(through__gte=event.pk).exists():
        return False
    ChainSaleRead.objects.create(through=event.pk, read_at=now)
    if ChainSale.objects.filter(source=sale_source(event)).exists():
        return False
    sale = _sale(event, now)
    sale.save(force_insert=True)
    if sale.chain_offer is None:
        _open_case(sale, UNKNOWN_OFFER, "", now)
    elif sale.committed is None:
        ChainSaleStep.objects.create(sale=sale, state=ChainSaleStep.WAITING, at=now)
    else:
        _honor(sale, sale.committed.studio, now)
    return True


def _sale(event: ChainEvent, now: datetime) -> ChainSale:
    said = event.args
    commitment = said["licenseeCommitment"].removeprefix("0x")
    sale = ChainSale(
        event_id=event.pk,
        source=sale_source(event),
        chain_id=event.chain_id,
        market=event.address,
        seq=said["seq"],
        offer_uuid=UUID(said["offer"].removeprefix("0x")),
        licensee=said["licensee"],
        buyer=said["buyer"],
        release_digest=said["release"].removeprefix("0x"),
        terms_digest=said["terms"].removeprefix("0x"),
        commitment=commitment,
        token=said["token"],
        price_units=int(said["price"]),
        fee_units=int(said["fee"]),
        chain_transaction=event.transaction,
        block_number=event.block_number,
        sold_at=event.block_time,
        seen_at=now,
    )
    sale.chain_offer = _offer(sale, _paid(event))
    if sale.chain_offer is not None:
        sale.committed = LicenseeCommitment.objects.filter(
            commitment=commitment, offer=sale.chain_offer.offer_id
        ).first()
    return sale


def _paid(sold: ChainEvent) -> dict[str, Any]:
    """Gives what the vault took in for a sale: its event stands next after the sale's, in the same transaction."""
    after = ChainEvent.objects.filter(
        chain_id=sold.chain_id,
        transaction=sold.transaction,
        lost=None,
        contract__in=["LicenseMarket", "SplitVault"],
        log_index__gt=sold.log_index,
    )
    taken = after.order_by("log_index").first()
    return taken.args if taken is not None and taken.event == "Absorbed" else {}


def _offer(sale: ChainSale, paid: dict[str, Any]) -> ChainOffer | None:
    """Finds what was signed for the sale: the newest by then that says the same as its event and as the vault's.

    The event names no licensor and no split. Whoever stole the marketplace's key can sign anything as a licensor of
    their own, also what looks like an offer of somebody else's; so where the money went is compared as well.
    """
    if (paid.get("token"), paid.get("amount"), paid.get("fee")) != (sale.token, sale.price_units, sale.fee_units):
        return None
    rows = ChainOffer.objects.filter(
        chain_id=sale.chain_id,
        market=sale.market,
        offer=sale.offer_uuid,
        token=sale.token,
        price_units=sale.price_units,
        split_digest=paid["split"].removeprefix("0x"),
        not_before__lte=sale.sold_at,
        deadline__gte=sale.sold_at.replace(microsecond=0),
        offer__release__digest=sale.release_digest,
        offer__terms=sale.terms_digest,
    )
    same = (row for row in rows.select_related("offer").order_by("-id") if _fee(row) == sale.fee_units)
    return next(same, None)


def _fee(row: ChainOffer) -> int:
    """Takes the fee from a price as the contract does."""
    return int(row.price_units) * row.fee_bps // 10_000


def _honor(sale: ChainSale, studio: Studio, now: datetime, by: Person | None = None) -> ChainSaleStep:
    """Grants what was sold, or opens a case; of the two there is always one."""
    if sale.chain_offer is None:
        return _open_case(sale, UNKNOWN_OFFER, "", now)
    ordered_at = min(sale.sold_at, now)  # the chain's clock may be ahead
    ended = OfferWithdrawal.objects.filter(offer=sale.chain_offer.offer_id, withdrawn_at__lte=ordered_at)
    if ended.exists():
        return _open_case(sale, WITHDRAWN, "", now)
    try:
        with transaction.atomic():
            made = _grant(sale, sale.chain_offer, studio, ordered_at, now)
    except licensing.UnableToGrantExclusively as error:
        return _open_case(sale, EXCLUSIVE, str(error)[:500], now)
    except (licensing.UnableToGrant, UnableToState) as error:
        return _open_case(sale, REFUSED, str(error)[:500], now)
    except IntegrityError as error:
        # The database's own refusals, such as of what another took exclusively a moment ago.
        return _open_case(sale, REFUSED, str(error).splitlines()[0][:500], now)
    return ChainSaleStep.objects.create(sale=sale, state=ChainSaleStep.GRANTED, grant=made, by=by, at=now)


def _grant(sale: ChainSale, bought: ChainOffer, studio: Studio, ordered_at: datetime, now: datetime) -> Grant:
    """Grants what was sold, as an order that was placed when its block was made."""
    licensing.check_grant(offer=bought.offer, studio=studio, now=ordered_at)
    return licensing.grant(
        offer=bought.offer,
        studio=studio,
        source=sale.source,
        now=now,
        ordered_at=ordered_at,
        price_minor=bought.price_minor,
        currency=bought.currency,
        committed=sale.committed,
    )


def _open_case(sale: ChainSale, reason: str, note: str, now: datetime) -> ChainSaleStep:
    """Keeps why a sale cannot be honored; the operators hear of it, once an hour at most."""
    log.error("%s cannot be honored (%s) %s", sale.source, reason, note)
    told = chain_cases.is_due(now)
    if told:
        chain_cases.tell_operators(sale)
    return ChainSaleStep.objects.create(
        sale=sale, state=ChainSaleStep.CASE, reason=reason, note=note, told=told, at=now
    )


def to_claim(*, sale: ChainSale, studio: Studio) -> dict[str, Any]:
    """This will write what the licensee's wallet signs so that the license is the studio's."""
    return typed.as_json(CLAIM, _claim(sale, studio), chain_id=sale.chain_id, contract=sale.market)


def _claim(sale: ChainSale, studio: Studio) -> dict[str, Any]:
    return {"seq": sale.seq, "licensee": sale.licensee, "studio": studio.pk.bytes}


def is_signed(*, sale: ChainSale, studio: Studio, signature: bytes) -> bool:
    """This will tell whether the licensee signed for the studio: by key, or, where it is a contract, by ERC-1271.

    Only for a contract the chain is asked, so never inside a transaction; raises ChainUnavailable.
    """
    digest, signature = _digest(sale, studio), typed.normalized(signature)
    licensee = checked(sale.licensee)
    if typed.recover(digest, signature) == licensee:
        return True
    asked = reader()
    return bool(signature) and bool(asked.code(licensee)) and asked.is_signed_by(licensee, digest, signature)


def _digest(sale: ChainSale, studio: Studio) -> bytes:
    return typed.typed_digest(CLAIM, _claim(sale, studio), chain_id=sale.chain_id, contract=sale.market)


@transaction.atomic
def claim_license(
    *, sale: ChainSale, studio: Studio, person: Person, signature: bytes, now: datetime, is_contract: bool = False
) -> ChainSaleStep:
    """This will give a studio the license that a wallet bought without naming one, by that wallet's signature.

    `is_contract` says that the wallet is a contract, which vouched for the signature (`is_signed`). The same again is
    the first. Raises UnableToClaimLicense; where the license cannot be granted any more, the sale is
    a case, which the answer says.
    """
    sale = ChainSale.objects.select_for_update(of=("self",)).get(pk=sale.pk)
    newest = standing(sale)
    by_key = typed.recover(_digest(sale, studio), typed.normalized(signature)) == checked(sale.licensee)
    if not by_key and not is_contract:
        raise UnableToClaimLicense(sale, _("The signature is not by the wallet %s.") % sale.licensee)
    if not Seat.objects.filter(studio=studio, person=person, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToClaimLicense(sale, _("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)
    if newest.state == ChainSaleStep.GRANTED and newest.grant is not None and newest.grant.studio_id == studio.pk:
        return newest
    if newest.state != ChainSaleStep.WAITING:
        raise UnableToClaimLicense(sale, _("This license does not wait for anybody."))
    return _honor(sale, studio, now, by=person)


@transaction.atomic
def settle_case(*, sale: ChainSale, by: Person | None, note: str, now: datetime) -> ChainSaleStep:
    """This will close the case of a sale with what the operator did about it, for example that the price was sent back.

    Raises UnableToSettleSale for a sale that is no open case, and without a note.
    """
    sale = ChainSale.objects.select_for_update(of=("self",)).get(pk=sale.pk)
    if standing(sale).state != ChainSaleStep.CASE:
        raise UnableToSettleSale(sale, _("This sale is no open case."))
    if not note.strip():
        raise UnableToSettleSale(sale, _("Say what was done about it: the books cannot."))
    return ChainSaleStep.objects.create(sale=sale, state=ChainSaleStep.SETTLED, note=note.strip()[:500], by=by, at=now)


@transaction.atomic
def try_again(*, sale: ChainSale, now: datetime) -> ChainSaleStep:
    """This will try to honor a case once more, for the studio that its buyer committed to.

    Raises UnableToSettleSale for a sale that is no open case, and where nobody committed to a studio.
    """
    sale = ChainSale.objects.select_for_update(of=("self",)).get(pk=sale.pk)
    if standing(sale).state != ChainSaleStep.CASE:
        raise UnableToSettleSale(sale, _("This sale is no open case."))
    if sale.committed is None:
        raise UnableToSettleSale(sale, _("Nobody committed to a studio for it."))
    return _honor(sale, sale.committed.studio, now)


def standing(sale: ChainSale) -> ChainSaleStep:
    """This will tell what became of a sale: its newest step."""
    newest = sale.steps.order_by("-id").select_related("grant").first()
    assert newest is not None  # each sale is written with its first step
    return newest


def open_cases() -> QuerySet[ChainSale]:
    """This will list the sales that could not be honored and that nobody settled yet, the oldest first."""
    newest = ChainSaleStep.objects.filter(sale=OuterRef("pk")).order_by("-id").values("state")[:1]
    return ChainSale.objects.annotate(stands=Subquery(newest)).filter(stands=ChainSaleStep.CASE).order_by("id")
