"""Projects of my studios: what each is licensed, and whom it must credit."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.licensing import holding_queries, operations
from marketplace.licensing import queries as licensing
from marketplace.licensing.holdings import Project
from marketplace.people.queries import studios_of
from marketplace.storefront import held
from marketplace.storefront.forms_licenses import ProjectForm
from marketplace.storefront.views.licenses import shown

CREDIT_FORMS = (("txt", "TXT"), ("csv", "CSV"), ("json", "JSON"), ("spdx.json", "SPDX"))


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def projects(request: HttpRequest) -> HttpResponse:
    """This will list the projects of the visitor's studios, and open one."""
    person = request.user
    studios = list(studios_of(person))  # type: ignore[arg-type]
    buying = held.buying_studios(person)  # type: ignore[arg-type]
    form = ProjectForm(request.POST if request.method == "POST" else None, studios=buying) if buying else None
    if form is not None and form.is_bound and form.is_valid():
        try:
            made = operations.open_project(
                studio=form.cleaned_data["studio"],
                by=person,  # type: ignore[arg-type]
                name=form.cleaned_data["name"],
                now=timezone.now(),
            )
        except operations.UnableToOpenProject as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("The project is open: licenses can be for it alone."))
            return redirect("project", made.pk)
    context = {
        "here": "licenses",
        "projects": holding_queries.projects_of(studios),
        "studios": studios,
        "form": form,
    }
    return render(request, "storefront/projects.html", context, status=422 if form and form.is_bound else 200)


@never_cache
@login_required
@require_safe
def project(request: HttpRequest, project: UUID) -> HttpResponse:
    """This will show a project: its licenses, those that its studio has for all projects, and its credits."""
    found = holding_queries.project_of(studios_of(request.user), project)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    now = timezone.now()
    own, more = licensing.grants_of([found.studio], project=found.pk, now=now)
    context = {
        "here": "licenses",
        "project": found,
        "rows": [{**shown(grant, now), "grant": grant} for grant in own],
        "has_more": more is not None,
        "shared_count": held.shared_count(found.studio),
        "credits": _credits(found),
    }
    return render(request, "storefront/project.html", context)


def _credits(project: Project) -> list[tuple[str, str]]:
    """Says where the credits are, by the name of their form."""
    return [(name, reverse("credits", kwargs={"project": project.pk, "form": form})) for form, name in CREDIT_FORMS]
