"""Verify a license certificate, pasted or out of a bundle that the browser has compared with its manifest."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

import ledger.queries
from ledger.signing.jws import UnableToReadJws, UnableToVerifyJws
from marketplace.licensing import certificates
from marketplace.licensing import queries as licensing
from marketplace.licensing.certificates import Certificate
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.words import TERMS
from marketplace.storefront import provenance, queries
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
        paper = certificates.verified(text, key_of=_public_jwk)
    except UnableToReadJws:
        return _refused(
            request, _("This is no certificate: it is cut short, altered, or not in its one canonical spelling.")
        )
    except UnableToVerifyJws:
        return _refused(request, _("This certificate was not issued here: no key of ours signed these very bytes."))
    grant = licensing.grant_of_certificate(text)
    context = {"here": "verify", "paper": paper, "grant": grant, "bundle": form.cleaned_data}
    return render(request, "storefront/verify_certificate.html", context | _told(paper, grant, form.cleaned_data))


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
        "index": standing.index if standing else None,
        "wrong": [path for path in str(bundle["wrong"] or "").split("\n") if path],
        "steps": provenance.grant_steps(grant, standing, reverse("log")) if grant else [],
    }


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
    status = licensing.status_of(grant)
    if status == GrantStatus.REVOKED:
        return "bad", _("This license is revoked: %(licensee)s no longer holds %(pack)s under it.") % values
    if status == GrantStatus.SUSPENDED:
        text = _("This license is suspended while its payment is disputed: %(licensee)s, %(pack)s.")
        return "warn", text % values
    if index is None:
        return "neutral", _("This certificate was issued here, to %(licensee)s for %(pack)s.") % values
    if bundle["manifest"]:
        return "ok", _("This bundle matches what was registered: %(pack)s, licensed to %(licensee)s.") % values
    return "ok", _("This certificate was issued here: %(licensee)s holds a license for %(pack)s.") % values
