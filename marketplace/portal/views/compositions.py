"""Publishing a recipe as a pack of its own, from a lock or from its text."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.catalog.deriving import Derived, absolute_findings, absolute_releases, folded_of, left_to_makers
from marketplace.catalog.operations import UnableToPublish
from marketplace.checkout.rules import platform_fee
from marketplace.compositions.composing import recipe_in
from marketplace.compositions.drafting import About, Drafted, UnableToPublishComposition, draft_of
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.notation.findings import Finding, UnreadableRecipe
from marketplace.compositions.notation.writing import write
from marketplace.compositions.queries import lock_in
from marketplace.intake import operations
from marketplace.intake.examining import findings_in
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.people.models import Creator
from marketplace.portal import words
from marketplace.portal.forms.compositions import OWN_SHARE, Composition
from marketplace.portal.forms.rows import OfferRow
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.publish import REFUSALS, refusal
from marketplace.ui import formats

Sayings = list[tuple[str, str]]
_REFUSALS = (UnreadableRecipe, UnableToPublishComposition, *REFUSALS)
_STARTED = About(handle="", version="1.0.0", title={}, own_share_ppb=words.parse_percent(OWN_SHARE) or 0)
"""What is said of a composition before anything is."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def publish(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show the form that publishes a recipe, started from a lock if asked, and publish what it says."""
    lock = _lock(request)
    if request.method != "POST":
        start = {"own_share": OWN_SHARE}
        if lock is not None:
            start |= {"recipe": write(recipe_in(lock_in(lock))), "title_en": lock.title}
        return _page(request, creator, Composition(start=start), lock, recipe=start.get("recipe", ""))
    form = Composition(data=request.POST, files=request.FILES)
    is_preview = "preview" in request.POST
    valid = form.is_valid(is_preview=is_preview)
    if is_preview or not valid:
        return _page(request, creator, form, lock, recipe=form.recipe(), status=200 if valid else 422)
    now = timezone.now()
    try:
        drafted = draft_of(recipe=form.recipe(), creator=creator, about=form.about(), now=now)
        digests = {one.pack: one.release for one in drafted.packs}
        submission = operations.publish_composition(
            creator=creator,
            recipe=form.recipe(),
            about=form.about(),
            cover=form.cover,
            offers=form.read_offers(),
            contracts=form.contracts(digests),
            now=now,
        )
    except _REFUSALS as error:
        form.refuse(_said(error))
        return _page(request, creator, form, lock, status=422)
    return redirect("submission", submission.pk)


def _lock(request: HttpRequest) -> RecipeLock | None:
    """Finds the lock that the address names, of a studio in which the visitor has a seat; to others there is none."""
    digest = request.GET.get("lock", "")
    if not digest:
        return None
    row = RecipeLock.objects.filter(digest=digest, studio__seats__person=request.user).first()
    if row is None:
        raise Http404
    return row


def _said(error: Exception) -> Sayings:
    """Says why nothing was published, and where; what is about a line of the recipe says which."""
    if isinstance(error, UnreadableRecipe | UnableToPublishComposition):
        return [("recipe", _placed(one)) for one in error.findings]
    if isinstance(error, UnableToPublish):
        return [(one.where, formats.sentence(one)) for one in findings_in(error)]
    return refusal(error)


def _placed(one: Finding) -> str:
    """Says a finding with its place; what is about no line of the recipe has none."""
    why = formats.sentence(one)
    if one.length == 0 and (one.line, one.column) == (1, 1):
        return why
    template = _("Line %(line)s, column %(column)s: %(why)s")
    return template % {"line": one.line, "column": one.column, "why": why}


def _page(
    request: HttpRequest,
    creator: Creator,
    form: Composition,
    lock: RecipeLock | None,
    *,
    recipe: str = "",
    status: int = 200,
) -> HttpResponse:
    """Shows the form; where the recipe can be read, with who would get what."""
    preview: Mapping[str, Any] = {}
    if recipe.strip():
        try:
            preview = _preview(creator, form, recipe)
        except _REFUSALS as error:
            form.refuse(_said(error)) if form.details.is_bound else None
            status = 422 if form.details.is_bound else status
    context = {
        "here": "sell",
        "way": "composition",
        "form": form,
        "details": form.details,
        "lock": lock,
        "problems": form.problems if form.details.is_bound else [],
        "offers": [
            {
                "name": words.say(words.TERMS, name),
                "summary": words.summary_text(READY[name]),
                "row": row,
                "net": _net(preview.get("makers_ppb", 0), row),
            }
            for name, row in form.offers.items()
        ],
        "fee": words.percent_text(settings.PLATFORM_FEE_PPB),
        "yours": words.percent_text(WHOLE_PPB - settings.PLATFORM_FEE_PPB),
        **preview,
    }
    return render(request, "portal/composition_publish.html", context, status=status)


def _preview(creator: Creator, form: Composition, recipe: str) -> dict[str, Any]:
    """Works out what each pack gets of a sale, and what each creator does once all splits are folded."""
    about = form.about() if form.details.is_bound else _STARTED
    if not about.own_share_ppb:
        return {}
    drafted = draft_of(recipe=recipe, creator=creator, about=about, now=timezone.now())
    derived = [Derived(release, share_ppb, about.mode) for release, share_ppb in drafted.shares]
    if found := absolute_findings(derived):
        raise UnableToPublish(drafted.draft, found)
    folded = folded_of(creator, derived)
    known = Creator.objects.in_bulk([payee for payee, _share in folded])
    layers = _layers(drafted)
    share = {"label": _("Share"), "kind": "num"}
    return {
        "pack_columns": [{"label": _("Pack"), "kind": "text"}, {"label": _("Its layers"), "kind": "text"}, share],
        "payee_columns": [{"label": _("Creator"), "kind": "text"}, share],
        "packs": [
            {"release": release, "layers": layers[str(release)], "share": words.percent_text(share_ppb)}
            for release, share_ppb in drafted.shares
        ],
        "payees": [
            {"payee": known[payee], "share": words.percent_text(share_ppb)}
            for payee, share_ppb in sorted(folded, key=lambda row: (-row[1], row[0]))
        ],
        "absolute": [
            {"release": release, "share": words.percent_text(share_ppb)}
            for release, share_ppb in absolute_releases(derived)
        ],
        "makers_ppb": left_to_makers(drafted.draft.derived_from),
    }


def _net(makers_ppb: int, row: OfferRow) -> str:
    """Says what a price that was sent leaves to the makers; nothing where that or the recipe cannot be read."""
    if not makers_ppb or not row.is_bound or not row.is_valid() or "price_minor" not in row.cleaned_data:
        return ""
    price, currency = row.cleaned_data["price_minor"], row.cleaned_data["currency"]
    net = (price - platform_fee(price, settings.PLATFORM_FEE_PPB)) * makers_ppb // WHOLE_PPB
    return words.net_text(net, currency)


def _layers(drafted: Drafted) -> dict[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for one in drafted.packs:
        mine = found.setdefault(one.reference, [])
        if one.layer not in mine:
            mine.append(one.layer)
    return found
