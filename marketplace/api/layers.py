"""Finding what a request means by its layers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785
from django.utils.translation import gettext as _

from marketplace.api.errors import InvalidRequest
from marketplace.api.problems import Finding, pointer
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Release
from marketplace.licensing import queries as licensing
from marketplace.licensing.terms.document import UnableToReadTerms, read_terms, terms_from
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Terms
from marketplace.people.models import Studio
from marketplace.ui.formats import sentence

WAYS = ("pack", "offer", "grant", "terms_sha256", "terms")


@dataclass(frozen=True, slots=True)
class Found:
    """A layer, and what of ours it is: its release, and the offer that it is under."""

    layer: Layer
    release: Release | None = None
    offer: UUID | None = None


def layers_in(asked: Sequence[Mapping[str, Any]], *, studio: Studio | None, now: datetime) -> list[Found]:
    """This will find the layers of a request, or raise InvalidRequest with each that there is not."""
    found, findings = [], []
    for place, said in enumerate(asked):
        try:
            found.append(_found(place, said, studio, now))
        except InvalidRequest as error:
            findings += error.findings
    if findings:
        raise InvalidRequest(findings)
    return found


def _wrong(place: int, name: str, message: str) -> InvalidRequest:
    return InvalidRequest([Finding("body", pointer("layers", place, *([name] if name else [])), message)])


def _found(place: int, said: Mapping[str, Any], studio: Studio | None, now: datetime) -> Found:
    ways = [name for name in WAYS if name in said]
    if len(ways) != 1:
        raise _wrong(place, "", _("Name exactly one of %s.") % ", ".join(WAYS))
    (way,) = ways
    value = said[way]
    match way:
        case "pack":
            return _pack(place, said, value, now)
        case "offer":
            offer = licensing.offers([value]).get(value)
            if offer is None:
                raise _wrong(place, way, _("No offer has the id %s.") % value)
            return _ours(said, offer.release, licensing.terms_of(offer.terms), offer.pk)
        case "grant":
            grant = licensing.grant_of([studio], value) if studio else None
            if grant is None:
                raise _wrong(place, way, _("Your studio holds no license with the id %s.") % value)
            return _ours(said, grant.release, licensing.terms_of(grant.terms), grant.offer_id)
        case "terms_sha256":
            row = licensing.terms_text(value)
            if row is None:
                raise _wrong(place, way, _("No terms have the digest %s.") % value)
            return _theirs(place, said, licensing.terms_of(row))
    return _theirs(place, said, _written(place, value))


def _pack(place: int, said: Mapping[str, Any], name: str, now: datetime) -> Found:
    creator, _sign, handle = name.partition("/")
    release = catalog.release(creator, handle)
    if release is None:
        raise _wrong(place, "pack", _("There is no pack %s.") % name)
    cheapest = licensing.lowest_now([release], now).get(release.pk) or next(iter(licensing.live_offers(release)), None)
    if cheapest is None:
        raise _wrong(place, "pack", _("The pack %s is not sold now: name terms or a grant.") % name)
    return _ours(said, release, licensing.terms_of(cheapest.terms), cheapest.pk)


def _ours(said: Mapping[str, Any], release: Release, terms: Terms, offer: UUID | None) -> Found:
    party = said.get("party", release.pack.owner.handle)
    return Found(Layer(said.get("name", str(release.pack)), party, terms), release, offer)


def _theirs(place: int, said: Mapping[str, Any], terms: Terms) -> Found:
    name = said.get("name", f"{terms.name} {place + 1}")
    return Found(Layer(name, said.get("party", name), terms))


def _written(place: int, written: Mapping[str, Any]) -> Terms:
    """Reads terms as a document, where they name its format, or as people write them; each mistake has its place."""
    at: Callable[[str], str] = lambda where: pointer("layers", place, "terms", *([where] if where else []))  # noqa: E731
    try:
        return read_terms(rfc8785.dumps(dict(written))) if "format" in written else terms_from(written)
    except UnableToReadTerms as error:
        raise InvalidRequest([Finding("body", at(one.where), sentence(one)) for one in error.findings]) from None
    except ValueError:
        # Numbers that no document can hold.
        raise InvalidRequest([Finding("body", at(""), _("must be whole numbers that RFC 8785 can write."))]) from None
