"""Which releases a file's claims lead to, best evidence first, and what leads nowhere or against itself.

A release by its digest; a file by its flat name, whose digits must be those of the release's own file; a file by ten or
more digits of its SHA-256; and a name that some file has, which is a guess. Questions only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import NamedTuple
from uuid import UUID

from marketplace.catalog.models import Release
from marketplace.catalog.naming import read_flat_name
from marketplace.compositions.importing import matching_queries as rows
from marketplace.compositions.importing.claims import HASH, WHOLE, Claims, Mention
from marketplace.compositions.importing.matching_queries import File
from marketplace.compositions.importing.workflows import SUFFIXES
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

BY_LOCK, BY_RELEASE, BY_NAME, BY_DIGITS = "lock", "release", "name", "digits"
EVIDENCE = (BY_LOCK, BY_RELEASE, BY_NAME, BY_DIGITS)
"""The best first; by a lock are found those of its packs that nothing else in the file names."""
MOST_GUESSES = 5
MOST_TOLD = 50
"""How many contradictions are told: more say nothing more."""

_OTHER_DIGITS = _("%(name)s calls itself a file of %(pack)s, but no file of that release has these digits.")
_OTHER_RELEASE = _("The picture says that %(pack)s painted it, under the digest of %(other)s.")
_OTHER_DIGEST = _("The picture says that %(pack)s painted it, under a digest that this release does not have.")
_UNSAID = _("The workflow loads %(pack)s, of which the entry “worldloom” says nothing.")


@dataclass(frozen=True, slots=True)
class Found:
    """A release that is named, by what, and where: `layer` counts the layers from 0 on, WHOLE is the whole picture.

    `element` is the one that the file belongs to, where the release has other models too.
    """

    release: Release
    evidence: str
    name: str
    layer: int = WHOLE
    weight_ppm: int | None = None
    element: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether its weight lets it paint nothing."""
        return self.weight_ppm == 0


class Guess(NamedTuple):
    """A file that has the name of one that we have: perhaps it is; `others` counts what is not listed."""

    name: str
    releases: Sequence[Release]
    others: int = 0


@dataclass(frozen=True, slots=True)
class Matched:
    """What claims lead to. `unclear` are digits that several packs' files begin with."""

    found: Sequence[Found] = ()
    guesses: Sequence[Guess] = ()
    unclear: Sequence[Guess] = ()
    unknown: Sequence[str] = ()
    contradictions: Sequence[Words] = ()

    @property
    def releases(self) -> Sequence[Release]:
        """Each release that was found, once, the best evidence first."""
        ordered = sorted(self.found, key=lambda one: EVIDENCE.index(one.evidence))
        return tuple({one.release.pk: one.release for one in ordered}.values())


@dataclass
class _Work:
    """A matching on its way."""

    found: list[Found] = field(default_factory=list)
    guesses: dict[str, Guess] = field(default_factory=dict)
    unclear: dict[str, Guess] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    contradictions: dict[str, Words] = field(default_factory=dict)

    def against(self, template: str, **values: str) -> None:
        words = Words(template, values)
        self.contradictions.setdefault(str(words), words)


def base_name(name: str) -> str:
    """This will take a name's folders away, whichever slash parts them."""
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def matched(claims: Claims) -> Matched:
    """This will look up all that a file names; six questions at most, however much it is."""
    work = _Work()
    _from_stated(claims, work)
    _from_mentions(claims.workflow.mentions, work)
    if claims.stated is not None and claims.stated.packs:
        said = {release for _pack, release in claims.stated.packs}
        for one in work.found:
            if one.release.digest not in said:
                work.against(_UNSAID, pack=str(one.release))
    return Matched(
        tuple(_with_elements(work.found)),
        tuple(work.guesses.values()),
        tuple(work.unclear.values()),
        tuple(work.unknown),
        tuple(work.contradictions.values())[:MOST_TOLD],
    )


def _from_stated(claims: Claims, work: _Work) -> None:
    packs = claims.stated.packs if claims.stated else ()
    by_digest = rows.releases_by_digest({release for _pack, release in packs})
    strangers = [pack for pack, release in packs if release not in by_digest]
    there = rows.releases_by_name(map(_address, strangers))
    for pack, digest in packs:
        release = by_digest.get(digest)
        if release is None:
            if _address(pack) in there:
                work.against(_OTHER_DIGEST, pack=pack)
            else:
                work.unknown.setdefault(pack)
        elif str(release) != pack:
            work.against(_OTHER_RELEASE, pack=pack, other=str(release))
        else:
            work.found.append(Found(release, BY_RELEASE, pack))


def _address(pack: str) -> rows.Address:
    path, _at, version = pack.partition("@")
    creator, _slash, handle = path.partition("/")
    return creator, handle, version


def _from_mentions(mentions: Sequence[Mention], work: _Work) -> None:
    """Looks models up by their flat names, then by digits, and what is left by plain names."""
    flat = {one.name: parts for one in mentions if (parts := read_flat_name(_stemmed(one.name))) is not None}
    releases = rows.releases_by_name(parts[:3] for parts in flat.values())
    files = rows.files_in([release.pk for release in releases.values()])
    hashed = {base_stem(one.name): one.digits for one in mentions if one.kind == HASH and one.name}
    by_digits = rows.files_by_digits({one.digits for one in mentions if one.digits})
    left: list[Mention] = []
    taken: set[str] = set()
    for mention in mentions:
        if mention.name in flat:
            if mention.kind != HASH:
                _by_flat_name(mention, flat[mention.name], releases, files, work)
        elif mention.kind != HASH and (owners := by_digits.get(hashed.get(base_stem(mention.name), ""))):
            taken.add(hashed[base_stem(mention.name)])
            _by_digits(mention, owners, work)
        elif mention.kind != HASH:
            left.append(mention)
    named = {base_stem(one.name) for one in mentions if one.kind != HASH}
    for mention in mentions:
        if mention.kind == HASH and mention.name in flat:
            if base_stem(mention.name) not in named:
                _by_flat_name(mention, flat[mention.name], releases, files, work)
        elif mention.kind == HASH and mention.digits not in taken:
            if owners := by_digits.get(mention.digits):
                _by_digits(mention, owners, work)
            elif base_stem(mention.name) not in named:
                left.append(mention)
    _by_plain_name(left, work)


def base_stem(name: str) -> str:
    """This will take a name's folders and its model extension away."""
    base = base_name(name)
    return base.rsplit(".", 1)[0] if base.lower().endswith(SUFFIXES) else base


def _stemmed(name: str) -> str:
    """Writes a name as a flat name is read: prompts leave its extension out."""
    return base_name(name)


def _by_flat_name(
    mention: Mention,
    parts: tuple[str, str, str, str],
    releases: Mapping[rows.Address, Release],
    files: Mapping[UUID, Sequence[File]],
    work: _Work,
) -> None:
    release = releases.get(parts[:3])
    if release is None:
        work.unknown.setdefault(mention.name)
        return
    file = next((one for one in files.get(release.pk, ()) if one.sha256.startswith(parts[3])), None)
    if file is None:
        work.against(_OTHER_DIGITS, name=base_name(mention.name), pack=str(release))
        return
    work.found.append(_found(file, BY_NAME, mention))


def _by_digits(mention: Mention, owners: Sequence[File], work: _Work) -> None:
    """Takes the pack that has such a file; where several have one, nobody can say which it was."""
    packs = {file.release.pack_id for file in owners}
    if len(packs) > 1 or len({file.sha256 for file in owners}) > 1:
        releases = tuple({file.release.pk: file.release for file in owners}.values())
        label = mention.name or mention.digits
        work.unclear[label] = Guess(label, releases[:MOST_GUESSES], max(len(releases) - MOST_GUESSES, 0))
        return
    work.found.append(_found(owners[0], BY_DIGITS, mention))


def _found(file: File, evidence: str, mention: Mention) -> Found:
    return Found(file.release, evidence, mention.name or mention.digits, mention.layer, mention.weight_ppm, file.path)


def _by_plain_name(left: Iterable[Mention], work: _Work) -> None:
    """Guesses by names alone, which anybody may give to anything."""
    wanted: dict[str, str] = {}
    for one in left:
        name = one.name or one.digits
        base = base_name(name)
        wanted[name] = base if base.lower().endswith(SUFFIXES) else f"{base}.safetensors"
    files = rows.files_called(set(wanted.values()))
    for name, base in wanted.items():
        releases = tuple({file.release.pk: file.release for file in files.get(base, ())}.values())
        if releases:
            work.guesses[name] = Guess(name, releases[:MOST_GUESSES], max(len(releases) - MOST_GUESSES, 0))
        else:
            work.unknown.setdefault(name)


def _with_elements(found: Sequence[Found]) -> Iterable[Found]:
    """Names the element of each file, where the release has other models beside it."""
    elements = rows.elements_of([one.release.pk for one in found if one.element])
    for one in found:
        path, element = one.element, ""
        if path:
            known, weights = elements.get(one.release.pk, ({}, set()))
            owners = [name for name, paths in known.items() if path in paths]
            if len(owners) == 1 and weights - set(known[owners[0]]):
                element = owners[0]
        yield replace(one, element=element)


def shown(name: str) -> str:
    """This will write a model's name as people look for it: without folders."""
    return PurePosixPath(name.replace("\\", "/")).name or name
