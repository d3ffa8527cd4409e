"""Why a recipe could be neither quoted nor locked, with lines and columns, and the way back to its text."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import pgettext

from marketplace.compositions.checking import REFUSED, Checked
from marketplace.compositions.notation.findings import Finding
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.storefront import words
from marketplace.storefront.forms_recipes import ASKED, RecipeForm
from marketplace.ui.formats import sentence


def refused_page(
    request: HttpRequest,
    error: Exception,
    *,
    text: str,
    fields: Sequence[tuple[str, str]] | None = None,
    is_lock: bool = False,
) -> HttpResponse:
    """This will show why a recipe was refused; nothing was written, and its text leads back to where it is written.

    `fields` are what else was asked of it, as (name, value); without them, those that were sent.
    """
    found: Iterable[Finding] = getattr(error, "findings", ())
    findings = [_finding(one, text) for one in found]
    checked: Checked | None = getattr(error, "checked", None)
    context = {
        "here": "compose",
        "is_lock": is_lock,
        # Each finding says it again, with its place.
        "reason": "" if findings else _said(error),
        "findings": findings,
        "refused": _refused(checked) if checked is not None else [],
        "text": text,
        "fields": fields if fields is not None else _sent(request),
    }
    return render(request, "storefront/recipe_refused.html", context, status=422)


_KEPT = (*ASKED, "title", "keep_for", "recipe", "after")


def _sent(request: HttpRequest) -> list[tuple[str, str]]:
    """Lists what was asked of the text, so that the way back keeps it."""
    return [(name, value) for name in _KEPT for value in request.POST.getlist(name)]


def _said(error: Exception) -> str:
    return sentence(error) if isinstance(error, UnreadableUse) else str(error)


def _finding(found: Finding, text: str) -> dict[str, Any]:
    lines = text.split("\n")
    return {
        "line": found.line,
        "column": found.column,
        "text": lines[found.line - 1][:200] if 0 < found.line <= len(lines) else "",
        "message": sentence(found.words),
        "suggestion": found.suggestion,
    }


def _refused(checked: Checked) -> list[dict[str, Any]]:
    """Lists the packs that cannot be had as the recipe stands, and those whose price is asked for first."""
    return [
        {
            "layer": layer.layer.label,
            "release": ref.release,
            "terms": words.say(words.TERMS, ref.offer.terms.name) if ref.offer else "",
            "offer": ref.offer if ref.needs_quote else None,
            "reasons": [sentence(reason) for reason in ref.reasons],
        }
        for layer in checked.layers
        for ref in layer.refs
        if ref.release is not None and (ref.verdict == REFUSED or ref.needs_quote)
    ]


def unasked_page(request: HttpRequest, form: RecipeForm, *, is_lock: bool = False) -> HttpResponse:
    """This will show what is missing in what was asked about a recipe: answers, or a studio to hold licenses."""
    colon = pgettext("between a field's name and its error", ": ")
    wrong = [
        f"{form.fields[name].label}{colon}{text}" if name in form.fields else str(text)
        for name, texts in form.errors.items()
        for text in texts
    ]
    context = {
        "here": "compose",
        "is_lock": is_lock,
        "wrong": wrong,
        "needs_studio": not form.studios,
        "text": form.data.get("text", ""),
        "fields": _sent(request),
    }
    return render(request, "storefront/recipe_refused.html", context, status=422)
