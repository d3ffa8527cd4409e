"""Finding what a request about recipes means."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.request import Request

from marketplace.api import questions
from marketplace.api.asked import project_in, studio_of
from marketplace.api.errors import InvalidRequest
from marketplace.api.problems import Finding, pointer
from marketplace.checkout import recipe_quote_queries
from marketplace.checkout.charges import RecipeQuote
from marketplace.compositions import queries as compositions
from marketplace.compositions.models import Recipe, RecipeLock
from marketplace.compositions.notation.document import UnreadableDocument, from_document
from marketplace.compositions.notation.writing import write
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.using import UnreadableUse, check_use
from marketplace.people.models import Studio
from marketplace.ui.formats import sentence

Said = Mapping[str, Any]


def text_in(said: Said) -> str:
    """This will give a recipe as text: as it was sent, or as the JSON is written; raises InvalidRequest."""
    if "text" in said:
        return str(said["text"])
    try:
        return write(from_document(said["recipe"]))
    except UnreadableDocument as error:
        raise InvalidRequest([Finding("body", pointer("recipe") + error.where, sentence(error))]) from None


def use_in(said: Said) -> Use:
    """This will give the use that a request asks for, or raise InvalidRequest where it cannot be judged."""
    values = dict(said["use"])
    for day in ("starts", "ends"):
        if day in values:
            values[day] = values[day].isoformat()
    if "content" in values:
        values["content"] = frozenset(values["content"])
    use = Use(**values)
    try:
        check_use(use)
    except UnreadableUse as error:
        raise InvalidRequest([Finding("body", pointer("use", error.where), sentence(error))]) from None
    return use


def wanted(said: Said, studio: Studio) -> dict[str, Any]:
    """This will give what a recipe is checked, quoted and locked by: its use, project and currency."""
    return {
        "use": use_in(said),
        "project": project_in(said, studio),
        "currency": said.get("currency", ""),
    }


def saved_in(said: Said, studio: Studio) -> Recipe | None:
    """This will find the kept recipe that a body names, if it does, or raise InvalidRequest."""
    if "saved" not in said:
        return None
    found = compositions.recipe_of(said["saved"], studio=studio)
    if found is None:
        message = _("Your studio keeps no recipe with the id %s.") % said["saved"]
        raise InvalidRequest([Finding("body", "/saved", message)])
    return found


def saved_of(request: Request, recipe_id: UUID) -> Recipe:
    """This will find a recipe that the studio keeps, or raise Http404."""
    found = compositions.recipe_of(recipe_id, studio=studio_of(request))
    if found is None:
        raise Http404(_("Your studio keeps no recipe with the id %s.") % recipe_id)
    return found


def quote_of(request: Request, quote_id: UUID) -> RecipeQuote:
    """This will find a quote that the studio was given, or raise Http404: those of others are not there."""
    found = recipe_quote_queries.quote_of([studio_of(request)], quote_id)
    if found is None:
        raise Http404(_("Your studio has no quote with the id %s.") % quote_id)
    return found


def lock_of(request: Request, digest: str) -> RecipeLock:
    """This will find a lock of the studio, or raise Http404."""
    found = compositions.lock_of(questions.digest("digest", digest), studio=studio_of(request))
    if found is None:
        raise Http404(_("Your studio has no lock with the digest %s.") % digest)
    return found


def picture_in(said: Said) -> bytes:
    """This will read the bytes of a picture, or raise InvalidRequest."""
    try:
        return base64.b64decode(said["picture"], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest([Finding("body", "/picture", _("must be Base64 (RFC 4648, section 4)."))]) from None
