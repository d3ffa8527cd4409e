"""A creator's API keys, with which programs upload or read statements."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.people import operations as people
from marketplace.people.models import Creator
from marketplace.people.queries import keys_of
from marketplace.portal.forms.keys import KeyForm
from marketplace.portal.views.access import creators_only


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def keys(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list a creator's keys, and make one and show its secret, this once."""
    form = KeyForm(request.POST if request.method == "POST" else None, auto_id="key_%s")
    secret = ""
    if request.method == "POST" and form.is_valid():
        name, use = form.cleaned_data["name"], form.cleaned_data["use"]
        try:
            _key, secret = people.issue_creator_key(creator=creator, name=name, use=use, now=timezone.now())
            form = KeyForm(auto_id="key_%s")
        except people.UnableToIssueKey as error:
            form.add_error("name", str(error))
    context = {"here": "sell", "keys": list(keys_of(creator)), "form": form, "secret": secret}
    return render(request, "portal/keys.html", context, status=422 if form.errors else 200)


@require_POST
@creators_only
def revoke(request: HttpRequest, creator: Creator, key_id: UUID) -> HttpResponse:
    """This will end a key of one's own."""
    key = keys_of(creator).filter(pk=key_id).first()
    if key is None:
        raise Http404
    people.revoke_key(key=key, by=creator.person, now=timezone.now())
    messages.success(request, _("The key %s… is revoked: programs that use it are refused from now on.") % key.shown)
    return redirect("portal-keys")
