"""May I? A file or its digest, and a use in words: yes or no, with the reasons and what would help."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.licensing.fixing_queries import fixes_for, is_of_terms
from marketplace.licensing.holdings import Project
from marketplace.licensing.permits import Permit, may
from marketplace.licensing.terms.choosing import OFFER
from marketplace.licensing.terms.fixing import Fix
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.licensing.words import change_text
from marketplace.people.queries import studios_of
from marketplace.storefront.duties import duty_lines
from marketplace.storefront.forms_use import UseForm
from marketplace.storefront.views.licenses import may_be_renewed
from marketplace.ui.formats import money_text, sentence


@never_cache
@login_required
@require_safe
def may_i(request: HttpRequest) -> HttpResponse:
    """This will say whether one of the visitor's studios may use something so. Nothing is written."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    is_asked = "fields_of_use" in request.GET or "commercial" in request.GET
    if not is_asked:
        initial = {name: request.GET[name][:200] for name in ("digest", "project") if name in request.GET}
        return _page(request, UseForm(initial=initial, studios=studios))
    form = UseForm(request.GET, studios=studios)
    if not form.is_valid():
        return _page(request, form, status=422)
    now, given = timezone.now(), form.cleaned_data
    use = form.use()
    if use.ends and not use.starts:
        use = replace(use, starts=min(now.date().isoformat(), use.ends))
    person = request.user if given["me"] else None
    try:
        permit = may(
            digest=given["digest"],
            use=use,
            studio=given["studio"],
            project=given["project"],
            person=person,  # type: ignore[arg-type]
            now=now,
        )
        found = fixes_for(permit, use, now=now)
    except UnreadableUse as error:
        form.refuse(error)
        return _page(request, form, status=422)
    project: Project | None = given["project"]
    context = {
        "permit": permit,
        "verdict": _verdict(permit),
        "reasons": [sentence(reason) for reason in permit.reasons],
        "duties": _duties(permit),
        "fixes": [_fix(one, permit, project) for one in found],
        "remedies": _remedies(permit, project),
    }
    return _page(request, form, **context)


def _page(request: HttpRequest, form: UseForm, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, "storefront/may_i.html", {"here": "licenses", "form": form, **context}, status=status)


def _verdict(permit: Permit) -> str:
    if permit.allowed:
        return _("Yes, you may.")
    if permit.release is None:
        return _("We do not know this file.")
    return _("No, not as it stands.")


def _duties(permit: Permit) -> list[str]:
    """Says what comes with the use."""
    if permit.release is None or (not permit.allowed and permit.grant is None):
        return []
    return duty_lines(permit.duties)


def _fix(fix: Fix, permit: Permit, project: Project | None) -> dict[str, Any]:
    """Says a change, what it costs, and where it is made."""
    if fix.narrowed is not None:
        return {"kind": fix.kind, "lines": [sentence(change.words) for change in fix.narrowed.changes]}
    to = fix.changes[0].to
    asked = {"offer": to.key}
    if project is not None:
        asked["project"] = str(project.pk)
    is_upgrade = to.kind == OFFER and is_of_terms(permit)
    if is_upgrade and permit.grant is not None:
        asked["upgrade"] = str(permit.grant.pk)
    price = " + ".join(money_text(amount, currency) for currency, amount in fix.prices)
    return {
        "kind": fix.kind,
        "lines": [change_text(change.words) for change in fix.changes],
        "price": price or _("Free"),
        "href": f"{reverse('checkout')}?{urlencode(asked)}",
        "is_upgrade": is_upgrade,
    }


def _remedies(permit: Permit, project: Project | None) -> list[tuple[str, str]]:
    """Says what helps against what is no matter of terms: (words, address)."""
    grant, codes = permit.grant, {reason.code for reason in permit.reasons}
    if grant is None:
        return []
    page = reverse("license", args=[grant.pk])
    found = []
    is_sold = not hasattr(grant.offer, "withdrawal")
    if is_sold and may_be_renewed(grant) and codes & {"expired", "ends-too-late"}:
        asked = urlencode({"offer": str(grant.offer_id), "renew": str(grant.pk)})
        found.append((_("Renew the license"), f"{reverse('checkout')}?{asked}"))
    if "no-seat" in codes:
        found.append((_("Assign a seat"), f"{page}#seats"))
    if "wrong-project" in codes and grant.project is not None:
        found.append(
            (_("See what the project “%s” has") % grant.project.name, reverse("project", args=[grant.project_id]))
        )
    if is_sold and project is not None and "wrong-project" in codes:
        asked = urlencode({"offer": str(grant.offer_id), "project": str(project.pk)})
        found.append((_("License it for “%s” too") % project.name, f"{reverse('checkout')}?{asked}"))
    return found
