"""What a visitor prefers, and the style guide for those who build the pages."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

YEAR_SECONDS = 365 * 24 * 3600


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """This will keep the theme in a cookie; `system` forgets it, and anything else changes nothing."""
    after = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(after, {request.get_host()}, require_https=request.is_secure())
    response = redirect(after if safe else "home")
    theme = request.POST.get("theme")
    if theme in {"light", "dark"}:
        response.set_cookie(
            "theme", theme, max_age=YEAR_SECONDS, samesite="Lax", httponly=True, secure=request.is_secure()
        )
    elif theme == "system":
        response.delete_cookie("theme")
    return response


@require_safe
def style_guide(request: HttpRequest) -> HttpResponse:
    """This will show every component, on a developer's machine only."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "ui/styleguide.html")
