"""What a check of a recipe reads of licenses and offers: one question for all packs of each. Questions only."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from marketplace.catalog.models import Pack, Release
from marketplace.catalog.rules import COMPOSITION
from marketplace.compositions.models import RecipeMask
from marketplace.compositions.rows import asked, columns, cut
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer, OfferPrice, TermsText
from marketplace.licensing.pricing_queries import current, sold
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.model import Terms
from marketplace.people.models import Creator, Studio

_KEPT_TERMS = 2_048
_TERMS: dict[str, TermsText] = {}


def terms_rows(digests: Iterable[str]) -> dict[str, TermsText]:
    """This will find terms by their digests; what a digest names never changes, so that it is asked for once."""
    wanted = set(digests)
    missing = wanted - _TERMS.keys()
    found = {row.pk: row for row in TermsText.objects.filter(pk__in=missing)} if missing else {}
    known = {digest: found.get(digest) or _TERMS[digest] for digest in wanted}
    if found:
        if len(_TERMS) + len(found) > _KEPT_TERMS:
            _TERMS.clear()
        _TERMS.update(found)
    return known


@lru_cache(maxsize=_KEPT_TERMS)
def seated(terms: Terms, seats: int) -> Terms:
    """This will give terms for as many people as are licensed."""
    return replace(terms, seats=seats)


@dataclass(frozen=True, slots=True)
class Holdings:
    """A studio's licenses of some packs, the newest first, by release and by pack; and those of compositions."""

    of_release: dict[UUID, list[Grant]] = field(default_factory=dict)
    of_pack: dict[UUID, list[Grant]] = field(default_factory=dict)
    compositions: list[Grant] = field(default_factory=list)


_HELD = """
SELECT {grant}, {offer}, {release}, {pack}, {creator}, coalesce(s.status, 'active'), j.name
  FROM licensing_grant g
  JOIN licensing_offer f ON f.id = g.offer_id
  JOIN catalog_release r ON r.id = g.release_id
  JOIN catalog_pack p ON p.id = r.pack_id
  JOIN people_creator c ON c.id = p.creator_id
  LEFT JOIN licensing_project j ON j.id = g.project_id
  LEFT JOIN LATERAL (SELECT status FROM licensing_grantstatus WHERE grant_id = g.id ORDER BY id DESC LIMIT 1) s ON true
 WHERE g.studio_id = %s AND (p.id = ANY(%s) OR p.kind = %s)
 ORDER BY g.granted_at DESC, g.id DESC
"""


def holdings(studio: Studio | None, packs: Collection[UUID]) -> Holdings:
    """This will find what a studio holds of packs, and of compositions, each with `.status`."""
    found = Holdings()
    if studio is None:
        return found
    parts = (
        columns(Grant, "g", "certificate"),
        columns(Offer, "f"),
        columns(Release, "r", "manifest", "summary"),
        columns(Pack, "p"),
        columns(Creator, "c"),
    )
    names = ("grant", "offer", "release", "pack", "creator")
    sql = _HELD.format(**dict(zip(names, (part.sql for part in parts), strict=True)))
    rows = [cut(row, *parts) for row in asked(sql, [studio.pk, list(packs), COMPOSITION])]
    held = [(parts[0].made(row[0]), row) for row in rows]
    terms = terms_rows(grant.terms_id for grant, _row in held)
    for grant, (_grant, offer, release, pack, creator, (status, project)) in held:
        grant.status = status  # type: ignore[attr-defined]
        grant.studio, grant.terms, grant.offer = studio, terms[grant.terms_id], parts[1].made(offer)
        grant.release = parts[2].made(release)
        grant.release.pack = parts[3].made(pack)
        grant.release.pack.creator = parts[4].made(creator)
        if grant.release.pack.owner_id == grant.release.pack.creator_id:
            grant.release.pack.owner = grant.release.pack.creator
        if grant.project_id is not None:
            grant.project = Project(pk=grant.project_id, name=project, studio=studio)
        if grant.release.pack.kind == COMPOSITION:
            found.compositions.append(grant)
        found.of_release.setdefault(grant.release_id, []).append(grant)
        found.of_pack.setdefault(grant.release.pack_id, []).append(grant)
    return found


class _Price(NamedTuple):
    """A price as it is chosen by; `values` are its columns."""

    pk: UUID
    number: int
    kind: str
    price_minor: int
    starts_at: datetime
    ends_at: datetime | None
    most_sales: int
    tiers: str
    values: Sequence[Any]


class Offered:
    """An offer as a check looks at it: its terms, and its price now. Its row is made when somebody takes it."""

    def __init__(
        self, values: Sequence[Any], terms: TermsText, prices: Sequence[_Price], price: _Price, now: datetime
    ) -> None:
        self._values, self._text, self._prices, self._price, self._now = values, terms, prices, price, now
        self.pk, self.release_id, self.terms_id, self.model, _price, self.currency, self.unit, self.share_ppb = values
        self.price_minor = price.price_minor
        self.release: Release | None = None

    @property
    def terms(self) -> Terms:
        return terms_of(self._text)

    @property
    def tiers(self) -> Sequence[Any]:
        """The price's tiers; most have none, for which its row need not be made."""
        return self.price.tiers if self._price.tiers != _NO_TIERS else ()

    @cached_property
    def price(self) -> OfferPrice:
        """The row of the price that counts now."""
        return columns(OfferPrice, "n", *_UNREAD).made(self._price.values)

    @cached_property
    def offer(self) -> Offer:
        """The row, with `.now`, `.regular_minor`, and its terms and its release at hand."""
        offer = columns(Offer, "f", *_UNREAD).made(self._values)
        offer.terms, offer.release = self._text, self.release
        regular = [row for row in self._prices if row.kind == OfferPrice.REGULAR]
        offer.now = self.price  # type: ignore[attr-defined]
        offer.regular_minor = current(regular, self._now, {}).price_minor  # type: ignore[attr-defined, arg-type]
        return offer


_UNREAD = ("salt", "created_at")
_NO_TIERS = "[]"
_OFFERS = """
SELECT {price}, {offer}
  FROM licensing_offer f
  JOIN licensing_offerprice n ON n.offer_id = f.id
 WHERE f.release_id = ANY(%s) AND NOT EXISTS (SELECT FROM licensing_offerwithdrawal w WHERE w.offer_id = f.id)
 ORDER BY f.release_id, f.price_minor, f.id, n.number
"""
_CHOSEN_BY = ("id", *_Price._fields[1:-1])


def offers_of(releases: Mapping[UUID, Release], now: datetime) -> dict[UUID, list[Offered]]:
    """This will find the live offers of releases, each with its price now, by the release's id."""
    found: dict[UUID, list[Offered]] = {key: [] for key in releases}
    if not releases:
        return found
    parts = (columns(OfferPrice, "n", *_UNREAD), columns(Offer, "f", *_UNREAD))
    of: dict[UUID, tuple[Sequence[Any], list[_Price]]] = {}
    chosen_by = itemgetter(*map(parts[0].names.index, _CHOSEN_BY))
    for row in asked(_OFFERS.format(price=parts[0].sql, offer=parts[1].sql), [list(releases)]):
        price, offer, _rest = cut(row, *parts)
        of.setdefault(offer[0], (offer, []))[1].append(_Price(*chosen_by(price), values=price))
    terms_at = parts[1].names.index("terms_id")
    terms = terms_rows(values[terms_at] for values, _prices in of.values())
    sales = sold([price for _values, prices in of.values() for price in prices])  # type: ignore[misc]
    for values, prices in of.values():
        now_counts: Any = current(prices, now, sales)  # type: ignore[arg-type]
        one = Offered(values, terms[values[terms_at]], prices, now_counts, now)
        one.release = releases[one.release_id]
        found[one.release_id].append(one)
    return found


def masks_by(digests: Iterable[str]) -> dict[str, RecipeMask]:
    """This will find masks by their SHA-256, without their pictures."""
    wanted = list(digests)
    return {row.pk: row for row in RecipeMask.objects.filter(pk__in=wanted).defer("png")} if wanted else {}
