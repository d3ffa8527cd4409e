"""Who may see the portal's pages."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from marketplace.people.models import Creator
from marketplace.people.queries import creator_of, is_operator


def creators_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """This will hand the creator to the view as its second argument; others are led to where one becomes a creator."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        creator: Creator | None = creator_of(request.user)  # type: ignore[arg-type]
        if creator is None:
            messages.warning(request, _("First choose the name that you sell under."))
            return redirect("sell")
        return view(request, creator, *args, **kwargs)

    return guarded


def operators_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """This will let the people in who run this house; to others the page does not exist.

    What is typed with a zero character in it is refused before the page reads it (400): no text here can hold one.
    """

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not is_operator(request.user):  # type: ignore[arg-type]
            raise Http404
        texts = [*kwargs.values(), *_texts(request.GET), *_texts(request.POST)]
        if any(isinstance(text, str) and "\x00" in text for text in texts):
            raise BadRequest("there is a zero character in what was sent")
        return view(request, *args, **kwargs)

    return guarded


def _texts(given: QueryDict) -> list[str]:
    return [text for name, values in given.lists() for text in (name, *values)]
