"""May I? A digest, a use, a studio: yes or no, with the reasons and the license. It never writes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model

from marketplace.catalog.models import Pack, Release
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, GrantStatus, TermsText
from marketplace.licensing.terms.asking import Answer, Duties, Refusal, ask
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Terms, Use
from marketplace.licensing.terms.using import check_use
from marketplace.people.models import Creator, Person, Studio
from marketplace.ui.words import Values, Words, Written
from marketplace.ui.words import gettext_noop as _

Row = TypeVar("Row", bound=Model)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = frozenset({"starts", "ends", "duration_days"})

# One question to the database, whose plan it keeps: most of an answer's time would go into planning it again.
_HELD = "SELECT * FROM licensing_held(%s, %s, %s)"


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
    rows = _rows(digest.strip().lower(), studio, person)
    if not rows:
        return _refused("unknown-digest", Words(_("Nothing published here has this SHA-256: check the digest.")))
    if rows[0].grant is None:  # licenses come first
        release = _release_of(rows[0])
        words = Words(_("%(studio)s has no license for %(release)s."), {"studio": studio.name, "release": str(release)})
        return _refused("no-license", words, release)
    question = _Question(use, is_now, project, person, now, {})
    nearest: tuple[_Row, tuple[Refusal | Obstacle, ...], Duties] | None = None
    for row in rows:
        if row.grant is None:
            break
        reasons, duties = _judged(row, question)
        if nearest is None or len(reasons) < len(nearest[1]):
            nearest = (row, reasons, duties)
        if not reasons:
            break
    assert nearest is not None
    row, reasons, duties = nearest
    held = _grant_of(row, studio)
    return Permit(not reasons, reasons, duties, held, held.release)


def obstacles_to(
    grant: Grant, *, name: str, use: Use, is_now: bool, project: Project | None, now: datetime, timed: bool = False
) -> tuple[Obstacle, ...]:
    """This will tell what stands against a use besides the terms of a license at hand, which has `.status`.

    It is called `name`. With `is_now` the use is about this moment; `timed` says that its terms refuse the days
    already. Seats that are assigned to persons are not looked at.
    """
    release = grant.release
    row = _Row(
        release=release.pk,
        digest=release.digest,
        version=release.version,
        published_at=release.published_at,
        pack=release.pack_id,
        handle=release.pack.handle,
        creator=release.pack.creator_id,
        creator_handle=release.pack.creator.handle,
        grant=grant.pk,
        offer=grant.offer_id,
        terms=grant.terms_id,
        project=grant.project_id,
        seats=grant.seats,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        kind=grant.kind,
        source=grant.source,
        granted_at=grant.granted_at,
        status=grant.status,  # type: ignore[attr-defined]
        project_name=grant.project.name if grant.project else None,
        assigned=0,
        theirs=None,
        is_inside=False,
    )
    question = _Question(use, is_now, project, None, now, {})
    return tuple(
        Obstacle(dimension, code, (name,), words) for dimension, code, words in _stood_against(row, question, timed)
    )


class _Row(NamedTuple):
    """What the database says of a release, and of a license that covers it, in the order of `licensing_held`."""

    release: UUID
    digest: str
    version: str
    published_at: datetime
    pack: UUID
    handle: str
    creator: UUID
    creator_handle: str
    grant: UUID | None
    offer: UUID
    terms: str
    project: UUID | None
    seats: int
    starts_at: datetime
    ends_at: datetime | None
    kind: str
    source: str
    granted_at: datetime
    status: str
    project_name: str | None
    assigned: int
    theirs: bool | None
    is_inside: bool

    @property
    def name(self) -> str:
        """The release, as it calls itself."""
        return f"{self.creator_handle}/{self.handle}@{self.version}"


class _Question(NamedTuple):
    """What is asked, and what terms said to it already."""

    use: Use
    is_now: bool
    project: Project | None
    person: Person | None
    now: datetime
    answers: dict[tuple[str, str, int], Answer]


def _rows(digest: str, studio: Studio, person: Person | None) -> list[_Row]:
    if not _DIGEST.fullmatch(digest):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [digest, studio.pk, person.pk if person else None])
        return [_Row(*row) for row in cursor.fetchall()]


def _refused(code: str, words: Words, release: Release | None = None) -> Permit:
    layers = (str(release),) if release else ()
    return Permit(False, (Obstacle("", code, layers, words),), Duties(), None, release)


def _partial(model: type[Row], **known: Any) -> Row:
    """Gives a row as the model has it; what was not asked for is asked for when somebody looks at it."""
    names = [one.attname for one in model._meta.concrete_fields if one.attname in known]
    return model.from_db(connection.alias, names, [known[name] for name in names])


def _release_of(row: _Row) -> Release:
    release = _partial(
        Release, id=row.release, pack_id=row.pack, version=row.version, digest=row.digest, published_at=row.published_at
    )
    release.pack = _partial(Pack, id=row.pack, creator_id=row.creator, handle=row.handle)
    release.pack.creator = _partial(Creator, id=row.creator, handle=row.creator_handle)
    return release


def _grant_of(row: _Row, studio: Studio) -> Grant:
    held = _partial(
        Grant,
        id=row.grant,
        offer_id=row.offer,
        release_id=row.release,
        terms_id=row.terms,
        studio_id=studio.pk,
        project_id=row.project,
        source=row.source,
        seats=row.seats,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        kind=row.kind,
        granted_at=row.granted_at,
    )
    held.status = row.status  # type: ignore[attr-defined]
    held.studio, held.release = studio, _release_of(row)
    return held


def _judged(row: _Row, question: _Question) -> tuple[tuple[Refusal | Obstacle, ...], Duties]:
    """Judges one license: everything that stands against the use, and what comes with it."""
    key = (row.name, row.terms, row.seats)
    answer = question.answers.get(key)
    if answer is None:
        layer = Layer(row.name, row.creator_handle, _terms(row.terms, row.seats))
        answer = question.answers[key] = ask(question.use, [layer])
    timed = any(refusal.dimension in _TIME for refusal in answer.refusals)
    besides = [
        Obstacle(dimension, code, (row.name,), words) for dimension, code, words in _stood_against(row, question, timed)
    ]
    return (*besides, *answer.refusals), answer.duties


@lru_cache(maxsize=4096)
def _terms(digest: str, seats: int) -> Terms:
    """Reads terms, which never change, as a license holds them: for as many people as were licensed."""
    document = TermsText.objects.values_list("document", flat=True).get(pk=digest)
    return replace(read_terms(bytes(document)), seats=seats)


_STATUS = {
    GrantStatus.SUSPENDED: _("The license %(license)s is suspended while its payment is disputed."),
    GrantStatus.REVOKED: _("The license %(license)s is revoked."),
    GrantStatus.SUPERSEDED: _("The license %(license)s was replaced by another."),
}


def _stood_against(row: _Row, question: _Question, timed: bool) -> Iterator[tuple[str, str, Words]]:
    """Gives what stands against a use besides the terms: dimension, code, words."""
    license: Values = {"license": str(row.grant)}
    if row.status in _STATUS:
        yield "", row.status, Words(_STATUS[row.status], license)
    yield from _out_of_time(row, question, timed)
    if row.project is not None and (question.project is None or question.project.pk != row.project):
        template = _("The license %(license)s is for the project “%(project)s” alone.")
        yield "", "wrong-project", Words(template, {**license, "project": row.project_name or ""})
    person = question.person
    if person is not None and not (row.is_inside and (row.seats == 0 or row.assigned == 0 or row.theirs)):
        template = _("%(person)s has no seat of the license %(license)s: its studio's buyers assign them.")
        yield "seats", "no-seat", Words(template, {**license, "person": person.display_name})


def _out_of_time(row: _Row, question: _Question, timed: bool) -> Iterator[tuple[str, str, Words]]:
    """Compares moments where the use is now, else days: the first and the last day of a license count whole."""
    use, now, is_now = question.use, question.now, question.is_now
    first = row.starts_at.date().isoformat()
    last = (row.ends_at - timedelta(microseconds=1)).date().isoformat() if row.ends_at else ""
    license: Values = {"license": str(row.grant), "first": Written("day", first), "last": Written("day", last)}
    if now < row.starts_at if is_now else use.starts < first:
        yield "starts", "not-started", Words(_("The license %(license)s begins on %(first)s."), license)
    if row.ends_at is None:
        return
    if row.ends_at <= now and (is_now or not use.ends or use.ends > last):
        yield "ends", "expired", Words(_("The license %(license)s ended on %(last)s."), license)
    elif not is_now and not timed and (not use.ends or use.ends > last):
        yield "ends", "ends-too-late", Words(_("The license %(license)s ends on %(last)s."), license)
