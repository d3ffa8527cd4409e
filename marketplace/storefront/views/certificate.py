"""Verify a license certificate, pasted or out of a bundle that the browser has compared with its manifest; and the
page of each, to which the codes on printed ones lead.

That page says what is licensed, under which terms, since when and until when, and whether it holds today. Whom it is
licensed to it does not say: only who was shown the certificate knows, and they can paste it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

import ledger.queries
from marketplace.licensing import certificates
from marketplace.licensing import queries as licensing
from marketplace.licensing.certificates import Certificate, UnableToTrust
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.words import TERMS
from marketplace.storefront import pictures, provenance, queries, words
from marketplace.storefront.forms import CertificateForm
from marketplace.ui import formats


@csrf_exempt  # It asks and writes nothing; it is a POST so that a certificate, which names people, is in no address.
@require_http_methods(["GET", "HEAD", "POST"])
def certificate(request: HttpRequest) -> HttpResponse:
    """This will say in one sentence whether a certificate was issued here and whether its license holds."""
    if request.method != "POST":
        return redirect("verify")
    form = CertificateForm(request.POST)
    if not form.is_valid():
        return _refused(request, _("This is no certificate: paste the whole text of certificate.jws."))
    text = form.cleaned_data["certificate"]
    try:
        paper = certificates.checked(text, key_of=_public_jwk)
    except UnableToTrust as error:
        return _refused(request, str(error))
    grant = licensing.grant_of_certificate(text)
    context = {"here": "verify", "paper": paper, "grant": grant, "bundle": form.cleaned_data}
    return render(request, "storefront/verify_certificate.html", context | _told(paper, grant, form.cleaned_data))


@never_cache
@require_safe
def page(request: HttpRequest, grant: object) -> HttpResponse:
    """This will show anybody what a license is for and whether it holds now; it names no licensee."""
    found = licensing.granted(str(grant))
    if found is None:
        raise Http404
    entry = queries.entry_about("grant", f"grant:{found.pk}")
    standing = queries.standing(entry) if entry else None
    tone, verdict = _state(found)
    covers = found.release.covers  # type: ignore[attr-defined]
    context = {
        "here": "verify",
        "grant": found,
        "release": found.release,
        "tone": tone,
        "verdict": verdict,
        "terms_name": words.say(words.TERMS, found.terms.name),
        "rights": words.rights_of(licensing.terms_of(found.terms)),
        "steps": provenance.grant_steps(found, standing, reverse("log")),
        **pictures.shown(covers[0].asset.previews.all() if covers else []),
    }
    response = render(request, "storefront/certificate_page.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


def _state(grant: Grant) -> tuple[str, str]:
    """Says in one sentence whether a license holds now."""
    match grant.state:  # type: ignore[attr-defined]
        case GrantStatus.REVOKED:
            return "bad", _("This license is revoked: it holds no longer, whoever shows its certificate.")
        case GrantStatus.SUPERSEDED:
            return "bad", _("Another license took the place of this one, which holds no longer.")
        case GrantStatus.SUSPENDED:
            return "warn", _("This license is suspended while its payment is disputed.")
        case licensing.EXPIRED:
            return "bad", _("This license ended on %(moment)s.") % {"moment": _said(grant.ends_at)}
        case licensing.UPCOMING:
            return "warn", _("This license begins on %(moment)s.") % {"moment": _said(grant.starts_at)}
    if grant.ends_at is None:
        return "ok", _("This license holds today, and has no end.")
    return "ok", _("This license holds today, until %(moment)s.") % {"moment": _said(grant.ends_at)}


def _said(moment: datetime | None) -> str:
    return formats.moment_text(moment) if moment else ""


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    return render(request, "storefront/verify.html", {"here": "verify", "error": sentence}, status=422)


def _public_jwk(kid: str) -> Mapping[str, str] | None:
    """Finds the public half of a key that signs certificates."""
    entry = ledger.queries.find_key(kid)
    if entry is None or entry.statement["use"] != "certificates":
        return None
    jwk: Mapping[str, str] = entry.statement["public_jwk"]
    return jwk


def _told(paper: Certificate, grant: Grant | None, bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Gathers verdict, tone and steps: the worst that is known comes first."""
    entry = queries.entry_about("grant", f"grant:{paper.grant}")
    standing = queries.standing(entry) if entry else None
    tone, verdict = _verdict(paper, grant, bundle, standing.index if standing else None)
    return {
        "tone": tone,
        "verdict": verdict,
        "terms_name": formats.say(TERMS, str(paper.subject["terms_name"])),
        "country": formats.country_text(paper.subject.get("licensee_country", "")),
        **{name: _moment(paper.subject.get(name, "")) for name in ("starts", "ends")},
        "index": standing.index if standing else None,
        "wrong": [path for path in str(bundle["wrong"] or "").split("\n") if path],
        "steps": provenance.grant_steps(grant, standing, reverse("log")) if grant else [],
    }


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _verdict(paper: Certificate, grant: Grant | None, bundle: Mapping[str, Any], index: int | None) -> tuple[str, str]:
    values = {"licensee": paper.subject["licensee"], "pack": f"{paper.subject['pack']} {paper.subject['version']}"}
    wrong = bundle["wrong_count"] or 0
    if wrong or (bundle["manifest"] and bundle["manifest"] != paper.subject["release"]):
        if not wrong:
            return "bad", _("The manifest in this bundle is not the one that was licensed.")
        text = ngettext(
            "%(count)s file in this bundle is not what was registered.",
            "%(count)s files in this bundle are not what was registered.",
            wrong,
        )
        return "bad", text % {"count": wrong}
    if grant is None:
        return "bad", _("This certificate was signed here, but no license of that number was ever granted.")
    if index is not None and ledger.queries.key_standing(paper.kid, index).verdict == "revoked":
        return "bad", _("The key that signed this certificate was revoked before the license was sealed.")
    if bundle["about"] and str(bundle["about"]) != paper.grant:
        return "bad", _("This certificate is genuine, but it is another license's than the one that you asked about.")
    if (broken := _broken(grant, values)) is not None:
        return broken
    if index is None:
        return "neutral", _("This certificate was issued here, to %(licensee)s for %(pack)s.") % values
    if bundle["manifest"]:
        return "ok", _("This bundle matches what was registered: %(pack)s, licensed to %(licensee)s.") % values
    return "ok", _("This certificate was issued here: %(licensee)s holds a license for %(pack)s.") % values


def _broken(grant: Grant, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Says why a license does not hold now, to somebody who was shown its certificate."""
    match licensing.state_of(grant, timezone.now()):
        case GrantStatus.REVOKED:
            return "bad", _("This license is revoked: %(licensee)s no longer holds %(pack)s under it.") % values
        case GrantStatus.SUPERSEDED:
            text = _("Another license took the place of this one: %(licensee)s no longer holds %(pack)s under it.")
            return "bad", text % values
        case GrantStatus.SUSPENDED:
            text = _("This license is suspended while its payment is disputed: %(licensee)s, %(pack)s.")
            return "warn", text % values
        case licensing.EXPIRED:
            text = _("This license ended on %(moment)s: %(licensee)s, %(pack)s.")
            return "bad", text % {**values, "moment": _said(grant.ends_at)}
        case licensing.UPCOMING:
            text = _("This license begins on %(moment)s: %(licensee)s, %(pack)s.")
            return "warn", text % {**values, "moment": _said(grant.starts_at)}
    return None
