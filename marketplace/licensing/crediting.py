"""Credits: who must be named for what a project uses, and for what that was made from."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from marketplace.catalog.models import Derivation, Release
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, GrantStatus, Offer, TermsText
from marketplace.licensing.queries import with_state
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.exchange import spdx
from marketplace.licensing.terms.exchange.base import differing
from marketplace.licensing.terms.model import Terms
from marketplace.payouts.divisions import Division
from marketplace.payouts.models import SplitShare
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.splitting import RELATIVE
from marketplace.people.models import Creator, Studio
from marketplace.people.queries import studios_of


@dataclass(frozen=True, slots=True)
class Held:
    """A license that is held now, and the terms that it is under."""

    grant: str
    terms: TermsText

    @property
    def spdx(self) -> str:
        """The id of its terms in SPDX: one of the list where they are the same, else a `LicenseRef-` for their text."""
        return spdx_id(read_terms(bytes(self.terms.document)), self.terms.digest)


@dataclass(frozen=True, slots=True)
class Credit:
    """A release and who made it: owed where terms ask for it, else thanked.

    `lines` are the words that its terms ask for, none where they ask for its creators by name. `licenses` are those
    held of the release itself. `used_in` names the releases that were made from it, as in `bob/ink@1.0.0`;
    `made_from` has the digests of those that it was made from itself.
    """

    release: Release
    creators: tuple[str, ...]
    owed: bool
    lines: tuple[str, ...] = ()
    licenses: tuple[Held, ...] = ()
    used_in: tuple[str, ...] = ()
    made_from: tuple[str, ...] = ()

    @property
    def sort_key(self) -> tuple[bool, str, str]:
        return (not self.owed, str(self.release.pack), self.release.version)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A license that gives nothing to credit now, and why: revoked, suspended, superseded, expired, upcoming."""

    grant: str
    release: Release
    why: str
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credits:
    """All credits of a project, or of everything that a studio holds."""

    of: Project | Studio
    made_at: datetime
    credits: tuple[Credit, ...]
    left_out: tuple[LeftOut, ...]

    def __iter__(self) -> Iterator[Credit]:
        return iter(self.credits)


@dataclass
class _Found:
    """What is known of one release while its credits are gathered."""

    release: Release
    asked: list[Terms] = field(default_factory=list)
    licenses: list[Held] = field(default_factory=list)
    used_in: set[str] = field(default_factory=set)
    made_from: set[str] = field(default_factory=set)


def credits_of(of: Project | Studio, *, now: datetime) -> Credits:
    """This will list whom a project owes credit: the creators of all that it is licensed, and of what that was made
    from, each release once; those owed first, then by name.

    A project is licensed what was granted for it, and what was granted to its studio for all projects. Licenses that
    do not hold now are left out and named. What a release was made from is credited as the terms ask under which its
    maker could use it: their own license, or where they hold none every offer there ever was.
    """
    found: dict[UUID, _Found] = {}
    left_out: list[LeftOut] = []
    for grant in _granted(of, now):
        state = str(grant.state)  # type: ignore[attr-defined]
        if state != GrantStatus.ACTIVE:
            left_out.append(LeftOut(str(grant.pk), grant.release, state, grant.ends_at))
            continue
        one = found.setdefault(grant.release_id, _Found(grant.release))
        one.asked.append(read_terms(bytes(grant.terms.document)))
        one.licenses.append(Held(str(grant.pk), grant.terms))
    _add_parents(found)
    makers = makers_of(one.release for one in found.values())
    credits = sorted((_credit(one, makers[key]) for key, one in found.items()), key=lambda one: one.sort_key)
    left_out.sort(key=lambda one: (str(one.release.pack), one.release.version, one.grant))
    return Credits(of, now, tuple(credits), tuple(left_out))


def _granted(of: Project | Studio, now: datetime) -> Iterable[Grant]:
    if isinstance(of, Project):
        rows = Grant.objects.filter(Q(project=of) | Q(project=None), studio=of.studio_id)
    else:
        rows = Grant.objects.filter(studio=of)
    related = ("terms", "release__pack__creator", "release__pack__owner__person")
    return with_state(rows, now).select_related(*related).order_by("granted_at", "id")


def _add_parents(found: dict[UUID, _Found]) -> None:
    """Follows every release to all that it was made from, a query a level; each is visited once, whatever ways lead
    to it, and a parent is published before what is made from it, so this ends.
    """
    level = set(found)
    while level:
        related = ("release__pack__creator", "release__pack__owner__person")
        parents = ("parent__pack__creator", "parent__pack__owner__person")
        links = Derivation.objects.filter(release__in=level).select_related(*related, *parents)
        level = set()
        for link in links:
            if link.parent_id not in found:
                found[link.parent_id] = _Found(link.parent)
                level.add(link.parent_id)
            one = found[link.parent_id]
            one.used_in.add(str(link.release))
            found[link.release_id].made_from.add(link.parent.digest)
            relied_on = _relied_on(link.release.pack.owner, link.parent)
            one.asked += [terms for terms in relied_on if terms not in one.asked]


def _relied_on(maker: Creator, parent: Release) -> list[Terms]:
    """Returns the terms under which a maker could use a release to make something that is sold on."""
    held = TermsText.objects.filter(
        pk__in=Grant.objects.filter(studio__in=studios_of(maker.person), release=parent).values("terms")
    )
    offered = TermsText.objects.filter(pk__in=Offer.objects.filter(release=parent).values("terms"))
    for rows in (held, offered):
        terms = [read_terms(bytes(row.document)) for row in rows.order_by("digest")]
        if sharing := [one for one in terms if one.derivatives == "share"]:
            return sharing
    # Nothing says how it was used, and by default it asks for credit.
    return [Terms(name="unknown")]


def _credit(found: _Found, creators: tuple[str, ...]) -> Credit:
    asking = [terms for terms in found.asked if terms.credit_required]
    return Credit(
        release=found.release,
        creators=creators,
        owed=bool(asking),
        lines=tuple(sorted({terms.credit_line for terms in asking if terms.credit_line})),
        licenses=tuple(sorted(found.licenses, key=lambda one: one.grant)),
        used_in=tuple(sorted(found.used_in)),
        made_from=tuple(sorted(found.made_from)),
    )


def makers_of(releases: Iterable[Release]) -> dict[UUID, tuple[str, ...]]:
    """This will name who made each release themselves, the largest share first: those who get more of what absolute
    shares leave than what it was made from brings them. Splits are rounded, so by more than one part per billion.
    Three queries for all.
    """
    releases = list(releases)
    rest = Coalesce("parent__division__rest", "parent__split")
    links = list(
        Derivation.objects.filter(release__in=releases, mode=RELATIVE).values_list("release", "share_ppb", rest)
    )
    rests = dict(Division.objects.filter(pk__in={one.division_id for one in releases}).values_list("pk", "rest"))
    own_rest = {release.pk: rests.get(release.division_id, release.split_id) for release in releases}
    splits = set(own_rest.values()) | {split for _release, _share, split in links}
    shares: dict[str, dict[Creator, int]] = defaultdict(dict)
    for share in SplitShare.objects.filter(split__in=splits).select_related("payee"):
        shares[share.split_id][share.payee] = share.share_ppb
    inherited: dict[UUID, Counter[Creator]] = defaultdict(Counter)
    for release_id, owed_ppb, split in links:
        inherited[release_id].update({payee: owed_ppb * share for payee, share in shares[split].items()})
    made = {}
    for release in releases:
        own = {
            payee: share * WHOLE_PPB - inherited[release.pk][payee]
            for payee, share in shares[own_rest[release.pk]].items()
        }
        makers = [payee for payee in own if own[payee] > WHOLE_PPB] or [release.pack.creator]
        makers.sort(key=lambda payee: (-own.get(payee, 0), payee.handle))
        made[release.pk] = tuple(payee.display_name for payee in makers)
    return made


def spdx_id(terms: Terms, digest: str) -> str:
    """This will name terms as SPDX does: by the id of a license that says the same under that name, else by one of
    our own (`LicenseRef-`) that no other terms have.
    """
    name, same = _listed().get(terms.name, ("", terms))
    return name if name and not differing(terms, same) else f"{spdx.reference(terms)}-{digest[:12]}"


@lru_cache(maxsize=1)
def _listed() -> Mapping[str, tuple[str, Terms]]:
    """Returns the licenses of SPDX that we have read, by the name that terms have when they are taken from them."""
    return {terms.name: (name, terms) for name, terms in spdx.every()}
