"""Composing: a recipe beside what it may be used for, what it lacks, and what would help, while it is written."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Release
from marketplace.compositions.checking import check_text
from marketplace.compositions.completing import completions
from marketplace.compositions.compositions import composition_text
from marketplace.compositions.masks import MOST_BYTES, UnableToAddMask, add_mask
from marketplace.compositions.notation import completion
from marketplace.compositions.wholes import wholes_of
from marketplace.licensing.pricing_queries import size_of
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.people.models import Person, Studio
from marketplace.people.queries import studios_of
from marketplace.storefront import recipe_cards, recipe_edits, recipe_kept, recipe_texts, words
from marketplace.storefront.composition_rows import whole_rows
from marketplace.storefront.forms_recipes import RecipeForm
from marketplace.ui.formats import choose_title

MOST_TYPED = 400
MOST_DRAFT = 100_000
"""How much of a text is kept while somebody signs in."""
_DRAFT = "recipe-draft"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    """This will show a recipe and what is to be said of it; nothing but pictures of masks is kept."""
    if request.method != "POST":
        return page(request, form_of(request, _started(request)))
    given = request.POST.copy()
    said = _apply(given) if "apply" in given else ""
    return page(request, form_of(request, given), said=said, **recipe_kept.named(request, given))


@never_cache
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """This will give the part of the page that says what is to be said of a text, as it is typed."""
    form = form_of(request, request.POST.copy())
    context = answer_in(request, form, timezone.now())
    return render(request, "storefront/_compose_answer.html", context)


@never_cache
@require_safe
def complete(request: HttpRequest) -> HttpResponse:
    """This will list what may stand where somebody types: `q` is what stands before the caret in the line."""
    before, after = request.GET.get("q", "")[-MOST_TYPED:], request.GET.get("after", "")[:MOST_TYPED]
    before, after = before.replace("\n", " "), after.partition("\n")[0]
    typed = completion.context(before + after, 1, len(before) + 1)
    if typed.kind == completion.PLAIN and before and "@" not in before:
        typed = completion.Completion(completion.REF, before, 1, 1, len(before))
    if typed.kind == completion.REF:
        choices = [
            {
                "text": one.ref,
                "title": choose_title(one.title)[0],
                "note": f"{words.say(words.ELEMENT_NAMES | words.PACK_KINDS, one.kind)} · {one.creator}",  # type: ignore[operator]
            }
            for one in completions(typed.prefix)
        ]
    else:
        choices = [{"text": one, "title": "", "note": ""} for one in typed.choices]
    # How much of the text around the caret a choice replaces, in characters.
    replaces = {"before": len(before) - (typed.column - 1), "after": typed.column - 1 + typed.length - len(before)}
    return JsonResponse({"kind": typed.kind, **replaces, "choices": choices})


@never_cache
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """This will lead to signing in, and back to the text that was being written."""
    form = form_of(request, request.POST.copy())
    text = form.data.get("text", "").replace("\r\n", "\n")
    request.session[_DRAFT] = {"text": text[:MOST_DRAFT], "asked": form.asked()}
    return redirect_to_login(f"{reverse('compose')}?draft=1")


def studios_in(request: HttpRequest) -> list[Studio]:
    """This will list the visitor's studios; nobody has none."""
    return list(studios_of(request.user)) if request.user.is_authenticated else []  # type: ignore[arg-type]


def form_of(request: HttpRequest, given: QueryDict) -> RecipeForm:
    """This will read what was sent, for one of the visitor's studios."""
    studios = studios_in(request)
    size = size_of(studios[0]) if studios and "commercial" not in given else None
    return RecipeForm(given, studios=studios, size=size)


def _started(request: HttpRequest) -> QueryDict:
    """Gives what an address begins with: a text, one from before signing in, a pack, or an example."""
    given = request.GET.copy()
    draft = request.session.get(_DRAFT) if "draft" in given else None
    if isinstance(draft, dict):
        given = QueryDict(draft["asked"], mutable=True)
        given["text"] = draft["text"]
    elif "text" not in given:
        given["text"] = _text_for(given)
    return given


def _text_for(given: QueryDict) -> str:
    if "from" in given:
        text = composition_text(_listed(given["from"]))
        if not text:
            raise Http404
        return text
    if "pack" in given:
        return recipe_texts.text_of_pack(_listed(given["pack"]), given.get("element", ""))
    return recipe_texts.start_text()


def _listed(name: str) -> Release:
    creator, _slash, pack = name.partition("/")
    release = catalog.release(creator, pack)
    if release is None:
        raise Http404
    return release


def _apply(given: QueryDict) -> str:
    """Makes the change of the button that was pressed; says why not where the text is another one now."""
    if recipe_edits.made(given["apply"], given.get("text", "").replace("\r\n", "\n"), given):
        return ""
    return _("The text has changed since this was suggested: look at it again below.")


def answer_in(request: HttpRequest, form: RecipeForm, now: datetime) -> dict[str, Any]:
    """This will check the text of a form, and say what is to be said of it as the page shows it."""
    wrong = _take_masks(request, form, now) if request.method == "POST" else []
    context: dict[str, Any] = {"form": form, "masks": form.masks, "prefer": form.prefer, "wrong_masks": wrong}
    if form.is_valid():
        try:
            checked = check_text(form.cleaned_data["text"], now=now, **form.wanted(now))
        except UnreadableUse as error:
            form.refuse(error)
        else:
            context["answer"] = recipe_cards.answer(checked, form.cleaned_data["text"], form.masks)
            context["wholes"] = whole_rows(wholes_of(checked, now=now))
    return context


def _take_masks(request: HttpRequest, form: RecipeForm, now: datetime) -> list[str]:
    """Keeps the pictures that came with the form; says of each that could not be why."""
    wrong, person = [], request.user
    for field, file in request.FILES.items():
        name = request.POST.get(field.replace("mask-file-", "mask-name-", 1), "")
        if not name or not person.is_authenticated or not isinstance(person, Person):
            continue
        try:
            data = file.read(MOST_BYTES + 1)  # type: ignore[union-attr]
            row = add_mask(data=data, person=person, now=now)
        except UnableToAddMask as error:
            wrong.append(f"{name}: {error}")
        else:
            kept = [f"{digest} {known}" for known, digest in form.masks.items() if known != name]
            form.data.setlist("mask", [*kept, f"{row.sha256} {name}"])
    return wrong


def page(request: HttpRequest, form: RecipeForm, *, status: int = 200, **context: Any) -> HttpResponse:
    """This will show a recipe in its form, with what is to be said of it."""
    now = timezone.now()
    context = {"here": "compose", **answer_in(request, form, now), "use_line": use_line(form), **context}
    if form.errors and status == 200 and request.method == "POST":
        status = 422
    return render(request, "storefront/compose.html", context, status=status)


def use_line(form: RecipeForm) -> str:
    """This will say in one line what a form asks for."""
    said = [_named(form, name) for name in ("fields_of_use", "media")]
    commercial = dict(form.fields["commercial"].choices).get(form.data.get("commercial", ""), "")  # type: ignore[attr-defined]
    return " · ".join(str(one) for one in [*said, commercial] if one)


def _named(form: RecipeForm, name: str) -> str:
    chosen: Sequence[str] = form.data.getlist(name)
    names = [str(said) for code, said in form.fields[name].choices if code in chosen]  # type: ignore[attr-defined]
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
