"""Checkout: one page, one order, one license."""

from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.catalog import queries as catalog
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import TEST_CARDS, SandboxGateway
from marketplace.checkout.operations import KeyUsedOtherwise, PaymentDeclined, UnableToBuy, gateway
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer
from marketplace.people.operations import UnableToSignUp
from marketplace.people.queries import buying_studio
from marketplace.storefront import operations, pictures, words
from marketplace.storefront.forms import CheckoutForm


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """This will show what is about to be licensed, and license it."""
    offer = _offer(request.POST.get("offer") or request.GET.get("offer", ""))
    form = _form(request, offer)
    if request.method != "POST":
        return _page(request, offer, form)
    if not form.is_valid():
        return _page(request, offer, form, status=422)
    given = form.cleaned_data
    try:
        grant = operations.buy(
            person=request.user,  # type: ignore[arg-type]
            offer=offer,
            studio_id=given["studio"].pk if "studio" in given else None,
            studio_name=given.get("studio_name", ""),
            card=given.get("card", ""),
            idempotency_key=given["idempotency_key"],
            now=timezone.now(),
        )
    except GatewayUnavailable:
        return render(request, "storefront/checkout_unavailable.html", {"offer": offer}, status=503)
    except (UnableToUseMethod, PaymentDeclined) as error:
        form.add_error("card", str(error))
    except UnableToSignUp as error:
        form.add_error("studio_name", str(error))
    except (UnableToBuy, KeyUsedOtherwise) as error:
        form.add_error(None, str(error))
    else:
        messages.success(
            request, _("Licensed. The certificate is signed; its proof is being sealed into the public log.")
        )
        return redirect("license", grant.pk)
    return _page(request, offer, _form(request, offer, refused=form), status=422)


def _offer(text: str) -> Offer:
    """Reads which offer is meant; one that is not sold is not there."""
    try:
        offer = licensing.offer(UUID(text))
    except ValueError:
        raise Http404 from None
    if offer is None:
        raise Http404
    return offer


def _form(request: HttpRequest, offer: Offer, refused: CheckoutForm | None = None) -> CheckoutForm:
    """Makes the form; after a refusal with its errors kept, under a new key: the old one stands for that order."""
    data = request.POST.copy() if request.method == "POST" else None
    start = {"offer": offer.pk, "idempotency_key": str(uuid4())}
    if refused is not None and data is not None:
        data["idempotency_key"] = start["idempotency_key"]
        if (opened := buying_studio(request.user)) and not data.get("studio"):  # type: ignore[arg-type]
            data["studio"] = str(opened.pk)
    form = CheckoutForm(
        data,
        initial=start,
        person=request.user,  # type: ignore[arg-type]
        free=offer.price_minor == 0,
        test_cards=_in_sandbox(),
    )
    if refused is not None:
        form.full_clean()
        # The answers are the same: what was wrong with them is what the page must say.
        form._errors = refused.errors  # type: ignore[attr-defined]
    return form


def _in_sandbox() -> bool:
    return gateway().name == SandboxGateway.name


def _page(request: HttpRequest, offer: Offer, form: CheckoutForm, status: int = 200) -> HttpResponse:
    release = offer.release
    terms = licensing.terms_of(offer.terms)
    cover = catalog.cover_of(release)
    previews = cover.asset.previews.all() if cover else []
    context = {
        "form": form,
        "offer": offer,
        "release": release,
        "terms_name": words.say(words.TERMS, terms.name),
        "rights": words.rights_of(terms),
        "summary": words.summary_text(terms),
        "cover": pictures.shown(previews),
        "studio": form.studios[0] if len(form.studios) == 1 else None,
        "test_cards": [
            {"number": " ".join(number[i : i + 4] for i in range(0, len(number), 4)), "does": _(does)}
            for number, (_token, does) in TEST_CARDS.items()
        ]
        if _in_sandbox() and offer.price_minor
        else [],
        "dispute_minutes": settings.SANDBOX_DISPUTE_AFTER_MINUTES,
    }
    return render(request, "storefront/checkout.html", context, status=status)
