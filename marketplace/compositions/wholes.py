"""Compositions on sale that are whole in a recipe: one license in the place of several. Questions only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from marketplace.catalog.models import Release
from marketplace.catalog.rules import COMPOSITION
from marketplace.compositions.checking import Checked, Missing
from marketplace.compositions.checking_choice import License, Question, chosen, question_of, under_offer
from marketplace.compositions.checking_rows import offers_of
from marketplace.compositions.compositions import facts_of
from marketplace.compositions.coverage import included, is_whole, packs_in, painting_in
from marketplace.compositions.rows import asked
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.pricing import BILLED_LATER

MOST = 3
"""How many are told, those that save the most."""
_LOOKED_AT = 20
_ALL_OF_THEM_PAINT = f"""
SELECT d.release_id
  FROM catalog_derivation d
  JOIN catalog_release r ON r.id = d.release_id JOIN catalog_pack p ON p.id = r.pack_id
 WHERE d.parent_id = ANY(%s) AND p.kind = %s
 GROUP BY d.release_id, r.published_at
HAVING count(*) >= (SELECT count(*) FROM catalog_derivation x
                      JOIN catalog_release y ON y.id = x.parent_id JOIN catalog_pack z ON z.id = y.pack_id
                     WHERE x.release_id = d.release_id AND z.kind <> %s)
 ORDER BY r.published_at DESC, d.release_id LIMIT {_LOOKED_AT}
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """A composition whose license costs less than those that it takes the place of; prices in minor units."""

    license: License
    price_minor: int
    instead_minor: int
    currency: str
    layers: tuple[str, ...]

    @property
    def release(self) -> Release:
        return self.license.release

    @property
    def offer(self) -> UUID:
        """The id of the offer."""
        assert self.license.offered is not None
        return self.license.offered.pk


def wholes_of(checked: Checked, *, now: datetime) -> list[Whole]:
    """This will find compositions that would license a checked recipe for less, those that save the most first.

    Only licenses that are to be bought at a known price count, in the currency of the composition's offer.
    """
    known = [one for one in checked.missing if _price(one) is not None]
    if checked.resolution is None or len(known) < 2:
        return []
    painting = painting_in(checked.resolution)
    rows = asked(_ALL_OF_THEM_PAINT, [list(painting), COMPOSITION, COMPOSITION])
    composed = {
        key: packs
        for key, facts in facts_of(row[0] for row in rows).items()
        if is_whole(packs := packs_in(facts), painting)
    }
    if not composed:
        return []
    question = question_of(checked.use, studio=checked.studio, project=checked.project, now=now)
    found = []
    for license_ in _cheapest(list(composed), question):
        covered = {key for key, mine in painting.items() if included(mine, composed[license_.release.pk])}
        if (whole := _whole(license_, [one for one in known if one.offer.release_id in covered])) is not None:
            found.append(whole)
    return sorted(found, key=lambda one: (one.price_minor - one.instead_minor, str(one.release)))[:MOST]


def _price(one: Missing) -> int | None:
    if one.priced is None or one.needs_quote or one.offer.model in BILLED_LATER:
        return None
    return one.priced.price_minor


def _cheapest(keys: Sequence[UUID], question: Question) -> Iterable[License]:
    """Gives the offer of each composition that the use may be made under, at the least price."""
    taken = Exists(Exclusivity.objects.filter(pack=OuterRef("pack"), ended_at=None))
    rows = Release.objects.filter(pk__in=keys).annotate(is_taken=taken).defer("manifest", "summary")
    releases = {row.pk: row for row in rows.select_related("pack__creator", "pack__owner").order_by("pk")}
    for key, offers in offers_of(releases, question.now).items():
        judged = [under_offer(one, releases[key], str(releases[key]), question) for one in offers]
        one = chosen([], [each for each in judged if each.allows and each.priced], "", question)
        if one is not None and one.offered is not None and one.offered.model not in BILLED_LATER:
            yield one


def _whole(license_: License, instead: Sequence[Missing]) -> Whole | None:
    """Compares it with the licenses that it takes the place of, in its own currency."""
    assert license_.offered is not None
    assert license_.priced is not None
    currency, price_minor = license_.offered.currency, license_.priced.price_minor
    same = [one for one in instead if one.offer.currency == currency]
    instead_minor = sum(_price(one) or 0 for one in same)
    if len(same) < 2 or price_minor >= instead_minor:
        return None
    layers = dict.fromkeys(label for one in same for label in one.layers)
    return Whole(license_, price_minor, instead_minor, currency, tuple(layers))
