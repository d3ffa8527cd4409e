"""Which legal entity a studio is, and how large."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.licensing.pricing_queries import declared_size
from marketplace.people import operations as people
from marketplace.people.models import Seat, Studio
from marketplace.people.queries import studios_of
from marketplace.storefront.forms_licenses import EntityForm, SizeForm


def _mine(request: HttpRequest, studio_id: UUID) -> Studio:
    found = studios_of(request.user).filter(pk=studio_id).first()  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def entity(request: HttpRequest, studio_id: UUID) -> HttpResponse:
    """This will show what licenses and prices take a studio for."""
    return _page(request, _mine(request, studio_id))


def _page(
    request: HttpRequest, studio: Studio, *, entity_form: EntityForm | None = None, size_form: SizeForm | None = None
) -> HttpResponse:
    said = declared_size(studio)
    names = ("legal_name", "country", "registration")
    size = {"people": said.people, "revenue_usd": said.revenue_usd} if said else {}
    seat = Seat.objects.filter(studio=studio, person=request.user).first()  # type: ignore[misc]
    context = {
        "studio": studio,
        "said": said,
        "role": seat.role if seat else "",
        "entity_form": entity_form or EntityForm(initial={name: getattr(studio, name) for name in names}),
        "size_form": size_form or SizeForm(initial=size, auto_id="size_%s"),
    }
    status = 422 if entity_form or size_form else 200
    return render(request, "storefront/account/entity.html", context, status=status)


@login_required
@require_POST
def set_entity(request: HttpRequest, studio_id: UUID) -> HttpResponse:
    """This will say which legal entity a studio is."""
    studio, form = _mine(request, studio_id), EntityForm(request.POST)
    if form.is_valid():
        try:
            people.set_legal_entity(studio=studio, by=request.user, now=timezone.now(), **form.cleaned_data)  # type: ignore[arg-type]
        except people.UnableToDeclare as error:
            form.add_error(error.field, str(error))
        except people.UnableToSeat as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Kept. Licenses granted from now on name it."))
            return redirect("studio-entity", studio.pk)
    return _page(request, studio, entity_form=form)


@login_required
@require_POST
def declare_size(request: HttpRequest, studio_id: UUID) -> HttpResponse:
    """This will keep how large a studio says that it is."""
    studio, form = _mine(request, studio_id), SizeForm(request.POST, auto_id="size_%s")
    if form.is_valid():
        try:
            people.declare_size(studio=studio, by=request.user, now=timezone.now(), **form.cleaned_data)  # type: ignore[arg-type]
        except people.UnableToDeclare as error:
            form.add_error(error.field, str(error))
        except people.UnableToSeat as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Kept. Prices by size go by it from the next order on."))
            return redirect("studio-entity", studio.pk)
    return _page(request, studio, size_form=form)
