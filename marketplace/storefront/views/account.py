"""Who signs in, and the studio's console: seats and API keys."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.people import operations as people
from marketplace.people import queries
from marketplace.people.models import ApiKey, Person, Studio
from marketplace.people.rules import normal_email
from marketplace.storefront import forms_account as forms

_FORM_METHODS = ["GET", "HEAD", "POST"]


def _next(request: HttpRequest, otherwise: str) -> str:
    """Reads where to go on, if it is a place of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else otherwise


def _enter(request: HttpRequest, person: Person, where: str) -> HttpResponse:
    """Signs somebody in and speaks their language from here on."""
    login(request, person)
    answer = redirect(where)
    answer.set_cookie(settings.LANGUAGE_COOKIE_NAME, person.language, max_age=31_536_000, samesite="Lax")
    return answer


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(_FORM_METHODS)
def sign_in(request: HttpRequest) -> HttpResponse:
    """This will sign somebody in; it does not tell which of address and password was wrong."""
    form = forms.SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        person = authenticate(request, username=normal_email(given["email"]), password=given["password"])
        if isinstance(person, Person):
            return _enter(request, person, _next(request, "home"))
        form.add_error(None, _("No account has this address and this password: try again, or sign up."))
    status = 422 if form.is_bound else 200
    return render(request, "storefront/account/sign_in.html", {"form": form, "next": _next(request, "")}, status=status)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(_FORM_METHODS)
def sign_up(request: HttpRequest) -> HttpResponse:
    """This will add a person, sign them in, and lead them to what they came for."""
    initial = {"role": request.GET.get("role", forms.BUY)}
    form = forms.SignUpForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            person = people.sign_up(
                email=given["email"],
                password=given["password"],
                display_name=given["display_name"],
                language=get_language() or "en",
                now=timezone.now(),
            )
        except people.UnableToSignUp as error:
            form.add_error(error.field, str(error))
        else:
            person.backend = "django.contrib.auth.backends.ModelBackend"  # type: ignore[attr-defined]
            return _enter(request, person, _next(request, "sell" if given["role"] == forms.SELL else "browse"))
    status = 422 if form.is_bound else 200
    return render(request, "storefront/account/sign_up.html", {"form": form, "next": _next(request, "")}, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """This will end the session."""
    logout(request)
    return redirect("home")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD"])
def studio(request: HttpRequest) -> HttpResponse:
    """This will show the studios that somebody sits in, their seats and their keys."""
    return _console(request)


def _console(request: HttpRequest, status: int = 200, **bound: Any) -> HttpResponse:
    person: Person = request.user  # type: ignore[assignment]
    studios = queries.consoles_of(person)
    context = {
        "studios": studios,
        "studio_form": bound.get("studio_form") or forms.StudioForm(),
        "seat_form": bound.get("seat_form") or forms.SeatForm(auto_id="seat_%s"),
        "key_form": bound.get("key_form") or forms.KeyForm(auto_id="key_%s"),
        "at": bound.get("at"),
        "secret": bound.get("secret"),
        "site": settings.SITE_URL,
    }
    return render(request, "storefront/account/studio.html", context, status=status)


def _mine(request: HttpRequest, studio_id: UUID) -> Studio:
    """Finds a studio that the person sits in; to everybody else it does not exist."""
    found = queries.studios_of(request.user).filter(pk=studio_id).first()  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


def _tried(form: Form, act: Callable[[dict[str, Any]], Any], *errors: type[Exception]) -> bool:
    """Does what a valid form asks for; a refusal goes back into the form."""
    if not form.is_valid():
        return False
    try:
        act(form.cleaned_data)
    except errors as error:
        form.add_error(None, str(error))
        return False
    return True


@login_required
@require_POST
def open_studio(request: HttpRequest) -> HttpResponse:
    """This will open a studio with its first seat."""
    form = forms.StudioForm(request.POST)

    def act(given: dict[str, Any]) -> None:
        people.open_studio(person=request.user, name=given["name"], now=timezone.now())  # type: ignore[arg-type]

    if _tried(form, act, people.UnableToSignUp):
        messages.success(request, _("The studio is open. Licenses can be granted to it now."))
        return redirect("studio")
    return _console(request, 422, studio_form=form)


@login_required
@require_POST
def give_seat(request: HttpRequest, studio_id: UUID) -> HttpResponse:
    """This will seat somebody who has signed up."""
    found = _mine(request, studio_id)
    form = forms.SeatForm(request.POST, auto_id="seat_%s")

    def act(given: dict[str, Any]) -> None:
        people.give_seat(studio=found, by=request.user, now=timezone.now(), **given)  # type: ignore[arg-type]

    if _tried(form, act, people.UnableToSeat):
        messages.success(request, _("The seat is given."))
        return redirect("studio")
    return _console(request, 422, seat_form=form, at=found)


@never_cache
@login_required
@require_POST
def issue_key(request: HttpRequest, studio_id: UUID) -> HttpResponse:
    """This will make an API key and show its secret, this once."""
    found = _mine(request, studio_id)
    form = forms.KeyForm(request.POST, auto_id="key_%s")
    secrets: list[str] = []

    def act(given: dict[str, Any]) -> None:
        _key, secret = people.issue_key(studio=found, by=request.user, name=given["name"], now=timezone.now())  # type: ignore[arg-type]
        secrets.append(secret)

    if _tried(form, act, people.UnableToIssueKey):
        return _console(request, secret=secrets[0], at=found)
    return _console(request, 422, key_form=form, at=found)


@login_required
@require_POST
def revoke_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """This will end a key."""
    key = ApiKey.objects.filter(pk=key_id, studio__in=queries.studios_of(request.user)).first()  # type: ignore[arg-type]
    if key is None:
        raise Http404
    try:
        people.revoke_key(key=key, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    except people.UnableToIssueKey as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("The key %s… is revoked: programs that use it are refused from now on.") % key.shown
        )
    return redirect("studio")
