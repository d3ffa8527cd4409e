"""May I? A digest, a use, a studio: yes or no, with the reasons and the license. It never writes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from django.db import connection

from marketplace.catalog.models import Release
from marketplace.licensing import queries
from marketplace.licensing.holdings import Project, SeatAssignment
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.terms.asking import Duties, Refusal, ask
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Terms, Use
from marketplace.licensing.terms.using import check_use
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.words import Values, Words, Written
from marketplace.ui.words import gettext_noop as _

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = frozenset({"starts", "ends", "duration_days"})

# A release by its own digest, by that of one of its files, or by that of a signed copy of one of its pictures.
_RELEASES = """
SELECT id FROM catalog_release WHERE digest = %(digest)s
UNION
SELECT file.release_id FROM assets_asset asset JOIN catalog_releaseasset file ON file.asset_id = asset.id
 WHERE asset.blob_id = %(digest)s
UNION
SELECT release_id FROM licensing_credentialedcopy WHERE blob_id = %(digest)s
"""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why not, besides the terms; it is read as a Refusal is."""

    dimension: str
    code: str
    layers: tuple[str, ...]
    words: Words

    @property
    def template(self) -> str:
        return self.words.template

    @property
    def values(self) -> Values:
        return self.words.values

    def __str__(self) -> str:
        return str(self.words)


@dataclass(frozen=True, slots=True)
class Permit:
    """The answer. `reasons` are those of the license that comes nearest, whose `grant` this is; none when allowed.

    Each reason has a stable `code`: those of terms (docs/formats/composition.md), and `unknown-digest`, `no-license`,
    `not-started`, `expired`, `suspended`, `revoked`, `superseded`, `wrong-project`, `no-seat`. `duties` come with the
    use: whom to credit and to ask, what to pay and what to pass on.
    """

    allowed: bool
    reasons: tuple[Refusal | Obstacle, ...]
    duties: Duties
    grant: Grant | None
    release: Release | None


def may(
    *,
    digest: str,
    use: Use,
    studio: Studio,
    now: datetime,
    project: Project | None = None,
    person: Person | None = None,
) -> Permit:
    """This will tell whether a studio may use something so, by the SHA-256 of a file or of a release manifest.

    One license must allow all of it. A use that names no days is about this moment. What has no license for a project
    of its own may be used for that one alone. With `person`, they need a seat where a license's seats are assigned.
    Raises UnreadableUse for a use that cannot be judged.
    """
    is_now = not use.starts and not use.ends
    if is_now:
        today = now.date().isoformat()
        use = replace(use, starts=today, ends=today)
    check_use(use)
    releases = _releases_with(digest.strip().lower())
    if not releases:
        return _refused(
            "unknown-digest", Words(_("Nothing that is published here has this SHA-256: check the digest."))
        )
    held = list(
        queries.with_status(Grant.objects.filter(studio=studio, release_id__in=releases))
        .select_related("terms", "release__pack__creator", "project", "studio")
        .defer("certificate", "terms__text_en", "terms__text_zh_hans", "release__manifest")
        .order_by("-granted_at", "-id")
    )
    if not held:
        return _unlicensed(releases, studio)
    seated = _Seated.of(held, studio, person)
    nearest: Permit | None = None
    for one in held:
        permit = _permit(one, use, is_now, project, seated, now)
        if permit.allowed:
            return permit
        if nearest is None or len(permit.reasons) < len(nearest.reasons):
            nearest = permit
    assert nearest is not None
    return nearest


def _releases_with(digest: str) -> list[UUID]:
    if not _DIGEST.fullmatch(digest):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_RELEASES, {"digest": digest})
        return [row[0] for row in cursor.fetchall()]


def _refused(code: str, words: Words, release: Release | None = None) -> Permit:
    layers = (str(release),) if release else ()
    return Permit(False, (Obstacle("", code, layers, words),), Duties(), None, release)


def _unlicensed(releases: list[UUID], studio: Studio) -> Permit:
    rows = Release.objects.filter(pk__in=releases).select_related("pack__creator").defer("manifest")
    newest = rows.order_by("-published_at", "-id")[0]
    words = Words(_("%(studio)s has no license for %(release)s."), {"studio": studio.name, "release": str(newest)})
    return _refused("no-license", words, newest)


@dataclass(frozen=True, slots=True)
class _Seated:
    """Who has which seats, as far as the question is about a person."""

    person: Person | None
    is_inside: bool
    assigned: frozenset[UUID]
    theirs: frozenset[UUID]

    @classmethod
    def of(cls, held: Iterable[Grant], studio: Studio, person: Person | None) -> "_Seated":
        if person is None:
            return cls(None, True, frozenset(), frozenset())
        limited = [one.pk for one in held if one.seats]
        rows = SeatAssignment.objects.filter(grant__in=limited, released_at=None).values_list("grant_id", "person_id")
        pairs = list(rows) if limited else []
        return cls(
            person,
            Seat.objects.filter(studio=studio, person=person).exists(),
            frozenset(grant for grant, _person in pairs),
            frozenset(grant for grant, seated in pairs if seated == person.pk),
        )

    def lacks(self, grant: Grant) -> bool:
        return not self.is_inside or (grant.pk in self.assigned and grant.pk not in self.theirs)


def _permit(held: Grant, use: Use, is_now: bool, project: Project | None, seated: _Seated, now: datetime) -> Permit:
    """Judges one license."""
    name = str(held.release)
    layer = Layer(name, held.release.pack.creator.handle, _terms(bytes(held.terms.document), held.seats))
    answer = ask(use, [layer])
    timed = any(refusal.dimension in _TIME for refusal in answer.refusals)
    reasons = (
        *(
            Obstacle(dimension, code, (name,), words)
            for dimension, code, words in _stood_against(held, use, is_now, timed, project, seated, now)
        ),
        *answer.refusals,
    )
    return Permit(not reasons, reasons, answer.duties, held, held.release)


@lru_cache(maxsize=4096)
def _terms(document: bytes, seats: int) -> Terms:
    """Reads terms as a license holds them: for as many people as were licensed."""
    return replace(read_terms(document), seats=seats)


_STATUS = {
    GrantStatus.SUSPENDED: _("The license %(license)s is suspended while its payment is disputed."),
    GrantStatus.REVOKED: _("The license %(license)s is revoked."),
    GrantStatus.SUPERSEDED: _("The license %(license)s was replaced by another."),
}


def _stood_against(
    held: Grant,
    use: Use,
    is_now: bool,
    timed: bool,
    project: Project | None,
    seated: _Seated,
    now: datetime,
) -> Iterator[tuple[str, str, Words]]:
    """Gives what stands against a use besides the terms: dimension, code, words."""
    license: Values = {"license": str(held.pk)}
    status: str = held.status  # type: ignore[attr-defined]
    if status in _STATUS:
        yield "", status, Words(_STATUS[status], license)
    yield from _out_of_time(held, use, is_now, timed, now)
    if held.project_id is not None and (project is None or project.pk != held.project_id):
        assert held.project is not None
        template = _("The license %(license)s is for the project “%(project)s” alone.")
        yield "", "wrong-project", Words(template, {**license, "project": held.project.name})
    if seated.person is not None and seated.lacks(held):
        template = _("%(person)s has no seat of the license %(license)s: its studio's buyers assign them.")
        yield "seats", "no-seat", Words(template, {**license, "person": seated.person.display_name})


def _out_of_time(held: Grant, use: Use, is_now: bool, timed: bool, now: datetime) -> Iterator[tuple[str, str, Words]]:
    """Compares moments where the use is now, else days: the first and the last day of a license count whole."""
    first = held.starts_at.date().isoformat()
    last = (held.ends_at - timedelta(microseconds=1)).date().isoformat() if held.ends_at else ""
    license: Values = {"license": str(held.pk), "first": Written("day", first), "last": Written("day", last)}
    if now < held.starts_at if is_now else use.starts < first:
        yield "starts", "not-started", Words(_("The license %(license)s begins on %(first)s."), license)
    if held.ends_at is None:
        return
    if held.ends_at <= now and (is_now or not use.ends or use.ends > last):
        yield "ends", "expired", Words(_("The license %(license)s ended on %(last)s."), license)
    elif not is_now and not timed and (not use.ends or use.ends > last):
        yield "ends", "ends-too-late", Words(_("The license %(license)s ends on %(last)s."), license)
