"""Nobody sells what they may not: offers of a derived release against the terms of what it was made from.

docs/formats/pack-toml.md says the rule.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from marketplace.catalog.models import Release
from marketplace.licensing.contracts import Counted, Owed, composed_of, fees_in, owed_beside
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.inheriting import ROYALTY, Basis, Parent, Wrong, wrong_with
from marketplace.licensing.terms.model import Terms, within_consent
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.people.models import Creator
from marketplace.people.queries import studios_of
from marketplace.ui.formats import sentence
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _


class BeyondParents(Exception):
    """An offer allows more than what the release was made from does; `findings` say where and why."""

    code = "offer-beyond-parents"

    def __init__(self, release: Release, findings: Iterable[Wrong]) -> None:
        self.release, self.findings = release, tuple(findings)
        super().__init__(" ".join(sentence(one) for one in self.findings))


def check_offer(*, release: Release, terms: Terms, now: datetime, counted: Counted | None = None) -> None:
    """This will raise BeyondParents where a release may not be offered under terms; it writes nothing.

    `counted` is the price where uses are counted, of which a composition pays its contract fees first.
    """
    if findings := _wrong(release, terms, counted, now):
        raise BeyondParents(release, findings)


def check_counted(*, offer: Offer, counted: Counted | None, now: datetime) -> None:
    """This will raise BeyondParents where a new price leaves a parent less than its royalty, after contract fees."""
    if counted is None or not fees_in(composed_of(offer.release), counted):
        return
    terms = read_terms(bytes(offer.terms.document))
    if findings := [one for one in _wrong(offer.release, terms, counted, now) if one.where == ROYALTY]:
        raise BeyondParents(offer.release, findings)


def _wrong(release: Release, terms: Terms, counted: Counted | None, now: datetime) -> list[Wrong]:
    parents = [(link.parent, link.share_ppb) for link in release.parents.select_related("parent__pack__creator")]
    fees = fees_in(composed_of(release), counted)
    return wrong_offers(
        creator=release.pack.owner,
        parents=owed_beside(parents, fees, counted),
        offers=[terms],
        ai_training=release.ai_training,
        now=now,
    )


def wrong_offers(
    *, creator: Creator, parents: Sequence[Owed], offers: Iterable[Terms], ai_training: str, now: datetime
) -> list[Wrong]:
    """This will list what is wrong with offering what a creator made from `parents` under each of some terms.

    `ai_training` is the release's consent, without which no offer of it allows any. Releases of the creator's own
    are no limits, but those of others that they were made from are.
    """
    offered = [within_consent(terms, ai_training) for terms in offers]
    if not offered:
        return []
    today = now.astimezone(UTC).date().isoformat()
    found: list[Wrong] = []
    for release, share_ppb in _of_others(creator, parents).items():
        parent = Parent(str(release), share_ppb, tuple(bases_of(creator, release, now)))
        found += [one for one in wrong_with(offered, parent, today=today) if one not in found]
    return found


def _of_others(creator: Creator, parents: Iterable[Owed]) -> dict[Release, int]:
    """Returns the releases of other owners that something is made from, also by way of one's own, with their shares.

    A share of a share is rounded down; what comes by several ways is added up. A parent is published before what is
    made from it, so this ends.
    """
    found: dict[Release, int] = {}
    for release, share_ppb in parents:
        if release.pack.owner_id != creator.pk:
            found[release] = found.get(release, 0) + share_ppb
            continue
        links = release.parents.select_related("parent__pack__creator")
        owed = [(link.parent, share_ppb * link.share_ppb // WHOLE_PPB) for link in links]
        for theirs, part_ppb in _of_others(creator, owed).items():
            found[theirs] = found.get(theirs, 0) + part_ppb
    return found


def bases_of(creator: Creator, release: Release, now: datetime) -> Iterator[Basis]:
    """This will give what a creator may rely on to make something from a release, their own licenses first.

    That is every license of this release that a studio of theirs holds now, for all its projects, and every offer
    of it that is open to anybody: neither exclusive nor on request.
    """
    for grant in _held(creator, release, now):
        text = _("your license “%(terms)s” of %(release)s")
        yield Basis(_lasting(grant), Words(text, {"terms": grant.terms.name, "release": str(release)}))
    offers = Offer.objects.filter(release=release, withdrawal=None).exclude(model="on-request")
    for offer in offers.select_related("terms").order_by("created_at", "id"):
        terms = read_terms(bytes(offer.terms.document))
        if not terms.exclusive:
            text = _("the offer “%(terms)s” of %(release)s")
            yield Basis(terms, Words(text, {"terms": terms.name, "release": str(release)}))


def _held(creator: Creator, release: Release, now: datetime) -> Iterable[Grant]:
    newest = GrantStatus.objects.filter(grant=OuterRef("pk")).order_by("-id").values("status")[:1]
    return (
        Grant.objects.annotate(status=Coalesce(Subquery(newest), Value(GrantStatus.ACTIVE)))
        .filter(studio__in=studios_of(creator.person), release=release, project=None)
        .filter(Q(ends_at=None) | Q(ends_at__gt=now), status=GrantStatus.ACTIVE, starts_at__lte=now)
        .select_related("terms")
        .order_by("granted_at", "id")
    )


def _lasting(grant: Grant) -> Terms:
    """Returns the terms of a license with the last whole day that it holds for; its number of days has begun."""
    terms = read_terms(bytes(grant.terms.document))
    if grant.ends_at is None:
        return terms
    last = (grant.ends_at.astimezone(UTC).date() - timedelta(days=1)).isoformat()
    return replace(terms, ends=min(terms.ends or last, last), starts="", duration_days=0)
