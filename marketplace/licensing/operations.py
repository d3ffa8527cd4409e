"""Every write about licenses."""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

import ledger.operations
import ledger.queries
from ledger.custody import own_key
from ledger.signing.base import Signer
from marketplace.catalog.models import Release
from marketplace.licensing import certificates, queries, rules, statuslists
from marketplace.licensing.models import (
    Download,
    Grant,
    GrantStatus,
    Offer,
    OfferWithdrawal,
    StatusList,
    TermsText,
)
from marketplace.licensing.terms.document import terms_document
from marketplace.licensing.terms.model import Terms, within_consent
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.words import text_of
from marketplace.payouts.rules import Money
from marketplace.people.models import Studio


class UnableToOffer(Exception):
    """The offer could not be made or withdrawn."""

    code = "offer-refused"

    def __init__(self, release: Release | None, reason: str) -> None:
        super().__init__(reason)
        self.release, self.reason = release, reason


class UnableToGrant(Exception):
    """The license could not be granted."""

    code = "grant-refused"

    def __init__(self, offer: Offer, reason: str) -> None:
        super().__init__(reason)
        self.offer, self.reason = offer, reason


def _terms_text(terms: Terms, now: datetime) -> TermsText:
    document = terms_document(terms)
    row, _made = TermsText.objects.get_or_create(
        digest=rules.digest(document),
        defaults={
            "name": terms.name,
            "document": document,
            "text_en": text_of(terms, "en"),
            "text_zh_hans": text_of(terms, "zh-hans"),
            "created_at": now,
        },
    )
    return row


def ready_terms(name: str) -> Terms:
    """This will find ready-made terms by name, or raise UnableToOffer."""
    try:
        return READY[name]
    except KeyError:
        known = ", ".join(READY)
        raise UnableToOffer(
            None, _("“%(name)s” names no terms: use one of %(known)s.") % {"name": name[:40], "known": known}
        ) from None


@transaction.atomic
def offer(
    *,
    release: Release,
    terms: Terms,
    price: Money,
    now: datetime,
    signer: Signer | None = None,
    seed: bytes = b"",
) -> Offer:
    """This will offer a release under terms at a price; the log holds the terms and a commitment to the price.

    The fact is signed by `signer`, the owner's key that is kept here when there is none. The offer's id and salt are
    drawn from `seed` where there is one, so that a rehearsal and what follows it state the same.
    The same terms at the same price again are the offer that is there, which stays withdrawn if it was; at another
    price they are refused.
    """
    if not 0 <= price.amount_minor <= rules.PRICE_LIMIT_MINOR:
        raise UnableToOffer(
            release,
            _("The price of “%(terms)s” must be between 0 and %(limit)s minor units of %(currency)s.")
            % {"terms": terms.name, "limit": rules.PRICE_LIMIT_MINOR, "currency": price.currency},
        )
    row = _terms_text(within_consent(terms, release.ai_training), now)
    if there := _offered(release, row, price):
        return there
    offer_id, salt = rules.drawn(seed or secrets.token_bytes(32), release.digest, row.digest, price.currency)
    try:
        with transaction.atomic():
            made = Offer.objects.create(
                id=offer_id,
                release=release,
                terms=row,
                price_minor=price.amount_minor,
                currency=price.currency,
                salt=salt,
                created_at=now,
            )
    except IntegrityError:  # licensing_terms_are_offered_once: somebody was a moment faster
        if there := _offered(release, row, price):
            return there
        raise
    commitment = rules.digest(rules.price_document(made.price_minor, made.currency, made.salt))
    ledger.operations.state(
        type="offer",
        subject=f"offer:{made.pk}",
        body={
            "offer": str(made.pk),
            "release": release.digest,
            "terms": row.digest,
            "price_commitment": commitment,
        },
        now=now,
        signers=[signer or ledger.operations.signer_of(creator=release.pack.owner, now=now)],
    )
    return made


def _offered(release: Release, terms: TermsText, price: Money) -> Offer | None:
    """Finds the offer that is there already, or raises UnableToOffer where it is not the one asked for."""
    there = Offer.objects.filter(release=release, terms=terms, currency=price.currency).first()
    if there is not None and there.price_minor != price.amount_minor:
        raise UnableToOffer(
            release,
            _("%(release)s is already offered under “%(terms)s” in %(currency)s at another price.")
            % {"release": release, "terms": terms.name, "currency": price.currency},
        )
    return there


@transaction.atomic
def withdraw_offer(*, offer: Offer, now: datetime, signer: Signer | None = None) -> OfferWithdrawal:
    """This will stop the sale of an offer and state it; grants stay as they are. Doing it twice changes nothing."""
    # Grants that are being made end first, so that the log has both in their order.
    Offer.objects.select_for_update().get(pk=offer.pk)
    row, made = OfferWithdrawal.objects.get_or_create(offer=offer, defaults={"withdrawn_at": now})
    if made:
        ledger.operations.state(
            type="offer-withdrawal",
            subject=f"offer:{offer.pk}",
            body={"offer": str(offer.pk)},
            now=now,
            signers=[signer or ledger.operations.signer_of(creator=offer.release.pack.owner, now=now)],
        )
    return row


@transaction.atomic
def take_down(*, release: Release, claim: UUID, now: datetime) -> None:
    """This will stop the sale of a release for a claim: its offers are withdrawn, whoever's key signs for the owner.

    A key that is kept here signs that; where it is the owner's own, the log says that the release is taken down.
    """
    offers = list(queries.live_offers(release))
    if own_key(release.pack.owner) is None:
        for one in offers:
            withdraw_offer(offer=one, now=now)
        return
    # As with `withdraw_offer`: grants that are being made end first.
    list(Offer.objects.select_for_update().filter(pk__in=[one.pk for one in offers]).order_by("pk"))
    OfferWithdrawal.objects.bulk_create(
        [OfferWithdrawal(offer=one, withdrawn_at=now) for one in offers], ignore_conflicts=True
    )
    subject = f"release:{release.digest}"
    if not ledger.queries.is_taken_down(release.digest):
        body = {"release": release.digest, "status": "taken-down", "reason": "claim", "claim": str(claim)}
        ledger.operations.state(type="takedown", subject=subject, body=body, now=now)


@transaction.atomic
def grant(*, offer: Offer, studio: Studio, source: str, now: datetime, ordered_at: datetime | None = None) -> Grant:
    """This will grant a license to a studio, sign its certificate and state both; once for each `source`.

    `source` names what was paid, as in `order-line:<uuid>`. Whether an offer is still sold is decided when the order
    is placed, at `ordered_at`: an offer withdrawn while the buyer was paying is honored.
    """
    there = Grant.objects.filter(source=source).first()
    if there is not None:
        return there
    # The log must know the key before it hears of anything that the key signed.
    ledger.operations.register_keys(now=now)
    release, terms = offer.release, offer.terms
    grant_id, salt, seats = uuid4(), secrets.token_hex(32), _seats(terms)
    status_index = _next_status_index()
    certificate = _certificate(
        offer, studio, grant_id=str(grant_id), salt=salt, seats=seats, status_index=status_index, now=now
    )
    try:
        with transaction.atomic():
            made = Grant.objects.create(
                id=grant_id,
                offer=offer,
                release=release,
                terms=terms,
                studio=studio,
                licensee_name=studio.name,
                licensee_salt=salt,
                source=source,
                seats=seats,
                starts_at=now,
                price_minor=offer.price_minor,
                currency=offer.currency,
                granted_at=now,
                certificate=certificate,
                certificate_sha256=rules.digest(certificate.encode()),
                status_index=status_index,
            )
    except IntegrityError:
        if there := Grant.objects.filter(source=source).first():
            return there
        raise
    app.configure_task("licensing.sign_copies", queue="intake").defer(grant_id=str(grant_id))
    ledger.operations.state(
        type="grant",
        subject=f"grant:{grant_id}",
        body={
            "grant": str(grant_id),
            "release": release.digest,
            "offer": str(offer.pk),
            "terms": terms.digest,
            "licensee_commitment": rules.digest(rules.licensee_document(studio.name, salt)),
            "certificate": made.certificate_sha256,
            **_order_before_withdrawal(offer, ordered_at),
        },
        now=now,
    )
    return made


def _order_before_withdrawal(offer: Offer, ordered_at: datetime | None) -> dict[str, int]:
    """Says when the order was placed, where its offer was withdrawn since: the log's law asks for it."""
    # The grant's row is written and holds the offer's (FOR KEY SHARE): one who withdraws it now waits.
    if ordered_at is None or not OfferWithdrawal.objects.filter(offer=offer).exists():
        return {}
    return {"ordered_at": int(ordered_at.timestamp())}


def _certificate(
    offer: Offer, studio: Studio, *, grant_id: str, salt: str, seats: int, status_index: int, now: datetime
) -> str:
    release, terms = offer.release, offer.terms
    subject = {
        "licensee": studio.name,
        "licensee_salt": salt,
        "offer": str(offer.pk),
        "release": release.digest,
        "pack": str(release.pack),
        "version": release.version,
        "terms": terms.digest,
        "terms_name": terms.name,
        "terms_texts": {
            "en": rules.digest(terms.text_en.encode()),
            "zh-Hans": rules.digest(terms.text_zh_hans.encode()),
        },
        "seats": seats,
        "log": settings.LOG_ORIGIN,
    }
    return certificates.write(
        site=settings.SITE_URL,
        grant=grant_id,
        subject=subject,
        status_index=status_index,
        granted_at=now,
        signer=ledger.queries.signer("certificates"),
    )


def _next_status_index() -> int:
    """Takes the next bit of the status lists; one that a failed sale took stays unused."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('licensing_status_index')")
        return int(cursor.fetchone()[0])


def _seats(terms: TermsText) -> int:
    return int(json.loads(bytes(terms.document))["seats"])


@transaction.atomic
def set_status(*, grant: Grant, status: str, reason: str, now: datetime) -> GrantStatus | None:
    """This will add what happened to a grant (active, suspended, revoked) and state it; no change adds nothing."""
    # One at a time a grant, so that two messages about it cannot both count as the change.
    Grant.objects.select_for_update().get(pk=grant.pk)
    newest = GrantStatus.objects.filter(grant=grant).order_by("-id").first()
    if (newest.status if newest else GrantStatus.ACTIVE) == status:
        return None
    if newest and newest.status == GrantStatus.REVOKED:
        raise UnableToGrant(grant.offer, _("The license %s is revoked, which is for good.") % grant.pk)
    row = GrantStatus.objects.create(grant=grant, status=status, reason=reason, since=now)
    ledger.operations.state(
        type="grant-status",
        subject=f"grant:{grant.pk}",
        body={"grant": str(grant.pk), "status": status},
        now=now,
    )
    return row


@transaction.atomic
def ensure_status_list(*, purpose: str, number: int, now: datetime) -> StatusList:
    """This will give the signed status list of a purpose as it is now, signing it when something changed.

    The same bits are signed once by each key, so that readers are told when they have the newest.
    """
    signer = ledger.queries.signer("certificates")
    listed = queries.listed(purpose=purpose, number=number)
    name = statuslists.address(settings.SITE_URL, purpose, number)
    there = StatusList.objects.filter(address=name, changes=listed.changes, kid=signer.kid).first()
    if there is not None:
        return there
    ledger.operations.register_keys(now=now)
    credential = statuslists.write(
        site=settings.SITE_URL, purpose=purpose, number=number, set_bits=listed.bits, now=now, signer=signer
    )
    row, _made = StatusList.objects.get_or_create(
        address=name, changes=listed.changes, kid=signer.kid, defaults={"credential": credential, "issued_at": now}
    )
    return row


def record_download(*, grant: Grant, by: str, now: datetime) -> Download:
    """This will note that somebody fetched what a grant covers."""
    return Download.objects.create(grant=grant, by=by[:120], downloaded_at=now)


@transaction.atomic
def offer_all(
    *,
    release: Release,
    offers: Sequence[tuple[Terms, Money]],
    now: datetime,
    signer: Signer | None = None,
    seed: bytes = b"",
) -> list[Offer]:
    """This will make several offers for a release, or none."""
    return [
        offer(release=release, terms=terms, price=price, now=now, signer=signer, seed=seed) for terms, price in offers
    ]
