"""Nobody sells what they may not: offers of a derived release against the terms of what it was made from.

docs/formats/pack-toml.md says the rule.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from marketplace.catalog.deriving import Derived, absolute_share_of, absolute_shares, derived_from
from marketplace.catalog.models import Release
from marketplace.licensing.contracts import Counted, Owed, composed_of, fees_in, owed_beside
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.inheriting import ROYALTY, Basis, Parent, Wrong, wrong_with
from marketplace.licensing.terms.model import Terms, within_consent
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.splitting import ABSOLUTE, counted_ppb
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
    owed = owed_to_others(creator=release.pack.owner, derived=derived_from(release))
    fees = fees_in(composed_of(release), counted)
    return wrong_offers(
        creator=release.pack.owner,
        parents=owed_beside(owed, fees, counted),
        offers=[terms],
        ai_training=release.ai_training,
        now=now,
    )


def wrong_offers(
    *, creator: Creator, parents: Sequence[Owed], offers: Iterable[Terms], ai_training: str, now: datetime
) -> list[Wrong]:
    """This will list what is wrong with offering what a creator made from `parents` under each of some terms.

    `parents` are of others, each with its part as `owed_to_others` counts it. `ai_training` is the release's consent,
    without which no offer of it allows any.
    """
    offered = [within_consent(terms, ai_training) for terms in offers]
    if not offered:
        return []
    today = now.astimezone(UTC).date().isoformat()
    found: list[Wrong] = []
    for release, share_ppb in parents:
        parent = Parent(str(release), share_ppb, tuple(bases_of(creator, release, now)))
        found += [one for one in wrong_with(offered, parent, today=today) if one not in found]
    return found


def owed_to_others(
    *, creator: Creator, derived: Sequence[Derived], absolute: Mapping[str, int] | None = None
) -> list[Owed]:
    """This will list the releases of other owners that something is made from, also by way of one's own, with their
    shares of every sale.

    Releases of the creator's own are no limits, but those of others that they were made from are. Parts of a part are
    rounded down, and what comes by several ways is added up. A share is counted as if nothing were absolute: what
    absolute shares of others take before it makes it smaller, those in the release itself do not, and an absolute
    share counts in full. `absolute` are all such shares where `derived` is only some of the sources, digest → ppb.
    """
    absolute = absolute_shares(derived) if absolute is None else absolute
    parts = _Parts(creator, dict(absolute))
    parts.follow(derived, (WHOLE_PPB, 0))
    taken_ppb = sum(absolute.values())
    return [
        (
            release,
            counted_ppb(
                of_rest_ppb=of_rest,
                of_whole_ppb=of_whole,
                taken_ppb=taken_ppb,
                own_taken_ppb=absolute_share_of(release),
            ),
        )
        for release, (of_rest, of_whole) in parts.found.items()
    ]


class _Parts:
    """What each release of others gets: of what absolute shares leave, and of the whole, both in ppb."""

    def __init__(self, creator: Creator, absolute: dict[str, int]) -> None:
        self.creator, self.absolute = creator, absolute
        self.found: dict[Release, tuple[int, int]] = {}

    def follow(self, derived: Iterable[Derived], part: tuple[int, int]) -> None:
        """Adds up what these get of a part; a parent is published before what is made from it, so this ends."""
        for one in derived:
            given = (part[0] * one.share_ppb // WHOLE_PPB, part[1] * one.share_ppb // WHOLE_PPB)
            if one.mode == ABSOLUTE:
                given = (0, 0)
            # Its absolute share is its own whichever way leads to it, and counts the first time that one does.
            self._give(one.release, (given[0], given[1] + self.absolute.pop(one.release.digest, 0)))

    def _give(self, release: Release, part: tuple[int, int]) -> None:
        if release.pack.owner_id == self.creator.pk:
            self.follow(derived_from(release), part)
            return
        there = self.found.get(release, (0, 0))
        self.found[release] = (there[0] + part[0], there[1] + part[1])


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
