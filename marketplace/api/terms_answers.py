"""Turning terms and answers about them into the shapes of `terms_shapes.py`."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from marketplace.licensing import rules
from marketplace.licensing.models import TermsText
from marketplace.licensing.permits import Permit
from marketplace.licensing.terms.asking import Answer, Duties, Refusal
from marketplace.licensing.terms.document import terms_document
from marketplace.licensing.terms.exchange.base import Exported, Imported, Loss
from marketplace.licensing.terms.fixing import Fix
from marketplace.licensing.terms.model import Scope, Terms, Use
from marketplace.licensing.terms.words import rights_in
from marketplace.licensing.words import text_of
from marketplace.ui.formats import sentence

Shape = dict[str, Any]


def lines(found: Terms) -> list[Shape]:
    """This will say terms dimension by dimension."""
    return [{"dimension": one.dimension, "kind": one.kind, "text": sentence(one)} for one in rights_in(found)]


def terms(found: Terms) -> Shape:
    """This will show terms that need not be offered anywhere."""
    document = terms_document(found)
    return {
        "sha256": rules.digest(document),
        "name": found.name,
        "document": json.loads(document),
        "texts": {"en": text_of(found, "en"), "zh-Hans": text_of(found, "zh-hans")},
        "lines": lines(found),
    }


def stored_terms(row: TermsText, found: Terms) -> Shape:
    """This will show terms with the very texts that were made when they were first offered."""
    return {
        "sha256": row.digest,
        "name": row.name,
        "document": json.loads(bytes(row.document)),
        "texts": {"en": row.text_en, "zh-Hans": row.text_zh_hans},
        "lines": lines(found),
    }


def losses(found: Iterable[Loss]) -> list[Shape]:
    """This will say what a mapping lost."""
    return [{"dimension": one.dimension, "message": sentence(one)} for one in found]


def exported(found: Exported) -> Shape:
    """This will show terms in somebody else's form."""
    return {
        "form": found.form,
        "media_type": found.media_type,
        "text": found.text,
        "lost": losses(found.lost),
    }


def imported(found: Imported) -> Shape:
    """This will show what a license was read as."""
    return {
        "form": found.form,
        "source": found.source,
        "terms": terms(found.terms),
        "lost": losses(found.lost),
    }


def refusal(found: Refusal) -> Shape:
    """This will say why not."""
    return {
        "dimension": found.dimension,
        "code": found.code,
        "layers": list(found.layers),
        "message": sentence(found),
    }


def duties(found: Duties) -> Shape:
    """This will say what a use brings with it."""
    return {
        "credits": [{"layer": one.layer, "line": one.line} for one in found.credits],
        "approvals": list(found.approvals),
        "royalties": [{"layer": one.layer, "basis": one.basis, "share_ppb": one.ppb} for one in found.royalties],
        "share_alike": found.share_alike,
        "banned": list(found.banned),
    }


def use(found: Use) -> Shape:
    """This will write a use as a request asks for it."""
    return {field.name: _plain(getattr(found, field.name)) for field in fields(found)}


def _plain(value: Any) -> Any:
    if isinstance(value, Scope):
        return {"all_but" if value.all_but else "only": sorted(value.codes)}
    return sorted(value) if isinstance(value, frozenset) else value


def fix(found: Fix) -> Shape:
    """This will show a change that makes a use legal, with its price."""
    return {
        "kind": found.kind,
        "changes": [
            {
                "layer": one.layer,
                "kind": one.to.kind,
                "name": one.to.name,
                "offer": one.to.key or None,
                "price_minor": one.to.price_minor,
                "currency": one.to.currency,
                "message": sentence(one.words),
            }
            for one in found.changes
        ],
        "narrowed": [
            {"dimension": one.dimension, "message": sentence(one.words)}
            for one in (found.narrowed.changes if found.narrowed else ())
        ],
        "prices": [{"amount_minor": amount, "currency": currency} for currency, amount in found.prices],
        "use": use(found.use),
        "is_smallest": found.is_smallest,
    }


def checked(answer: Answer, fixes: Iterable[Fix]) -> Shape:
    """This will say whether layers allow a use, and what would help."""
    return {
        "allowed": answer.allowed,
        "refusals": [refusal(one) for one in answer.refusals],
        "duties": duties(answer.duties),
        "fixes": [fix(one) for one in fixes],
    }


def permit(found: Permit) -> Shape:
    """This will say yes or no, with every reason."""
    return {
        "allowed": found.allowed,
        "reasons": [{"code": one.code, "dimension": one.dimension, "message": sentence(one)} for one in found.reasons],
        "duties": duties(found.duties) if found.grant else None,
        "grant": found.grant.pk if found.grant else None,
        "release": found.release.digest if found.release else None,
    }
