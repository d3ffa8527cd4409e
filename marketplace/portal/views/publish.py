"""Publishing: by the form, or by a folder with a pack.toml; both do what `manage.py publish` does."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assets.models import Upload
from assets.operations import UnableToUpload
from marketplace.catalog import operations as catalog
from marketplace.catalog import queries as packs
from marketplace.catalog.models import Release
from marketplace.catalog.rules import Draft, Finding, gettext_noop
from marketplace.intake import operations, rules
from marketplace.intake.pricing import with_files
from marketplace.licensing import queries as licensing
from marketplace.licensing.operations import UnableToOffer
from marketplace.licensing.pricing_queries import priced_offers
from marketplace.licensing.terms.exchange.base import SIZE_LIMIT_BYTES
from marketplace.licensing.terms.ready import READY
from marketplace.payouts import queries as books
from marketplace.payouts import rules as money
from marketplace.people.models import Creator
from marketplace.portal import queries, words
from marketplace.portal.forms import previous
from marketplace.portal.forms.publication import Problem, Publication
from marketplace.portal.forms.rows import ELEMENTS_SHOWN, PARENTS_SHOWN, SHARES_SHOWN
from marketplace.portal.views.access import creators_only
from marketplace.ui import formats

Sayings = list[tuple[str, str]]
# A whole pack.toml, as short as one can be; a test publishes it.
SAMPLE = """format = "worldloom/pack/1"
handle = "sea-of-clouds"
version = "1.0.0"
kind = "world"
cover = "cover.webp"
title = { en = "Sea of Clouds", zh-Hans = "云海" }

[[elements]]
name = "wanderer"
kind = "character"
title = { en = "Wanderer in a red cloak" }
files = ["wanderer.safetensors"]

[[files]]
path = "cover.webp"
role = "preview"

[[files]]
path = "wanderer.safetensors"

[[offers]]
terms = "studio"
price = "180.00"
currency = "USD"
"""
REFUSALS = (
    catalog.UnableToPublish,
    UnableToOffer,
    UnableToUpload,
    money.ShareOutOfRange,
    money.ParentsTakeTooMuch,
    money.TooManyPayees,
)
"""What keeps a pack from being handed in."""


def _said(findings: Sequence[Any]) -> Sayings:
    """Puts findings about a draft, or about files, into (where, sentence)."""
    return [(found.where, formats.sentence(found)) for found in findings]


def refusal(error: Exception) -> Sayings:
    """This will say why nothing was published, and where."""
    if isinstance(error, UnableToOffer):
        return [("offers", str(error))]
    if isinstance(error, money.ShareOutOfRange | money.ParentsTakeTooMuch | money.TooManyPayees):
        return [("derived_from", formats.sentence(error))]
    return _said(getattr(error, "findings", ())) or [("", str(error))]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def publish(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show the publish form, started from a pack of one's own if asked, and publish what it says."""
    base = _base(creator, request.POST.get("base") or request.GET.get("from", ""))
    kept = previous.kept_files(base) if base else []
    if request.method != "POST":
        start = None
        if base:
            offers, shares = priced_offers(base, timezone.now()), books.shares_of(base.split_id)
            start = previous.start_from(base, offers, shares, creator)
        arrived = queries.uploads_of(creator)
        if before := queries.refused_submission(creator, request.GET.get("again", "")):
            start = previous.start_again(before, arrived)
        return _page(request, Publication(creator, start=start, kept=kept, uploads=arrived), base)
    form = Publication(creator, data=request.POST, files=request.FILES, kept=kept, uploads=queries.uploads_of(creator))
    valid = form.is_valid()
    draft, offers_, streams = form.read()
    try:
        if not valid:
            catalog.check(creator=creator, draft=draft)
            return _page(request, form, base, status=422)
        submission = operations.hand_in(
            creator=creator,
            draft=draft,
            offers=offers_,
            uploads=form.uploads_by_path(),
            streams=streams,
            kept=form.kept_blobs(),
            now=timezone.now(),
        )
    except REFUSALS as error:
        form.refuse(refusal(error))
        return _page(request, form, base, status=422)
    return redirect("submission", submission.pk)


def _base(creator: Creator, handle: str) -> Release | None:
    """Finds the newest version of a pack that the creator owns; anything else starts from nothing."""
    of, _slash, name = handle.rpartition("/")
    found = packs.release(of or creator.handle, name) if name else None
    return found if found and found.pack.owner_id == creator.pk else None


def _page(request: HttpRequest, form: Publication, base: Release | None, status: int = 200) -> HttpResponse:
    nets = form.nets(settings.PLATFORM_FEE_PPB)
    context = {
        "here": "sell",
        "way": "form",
        "form": form,
        "details": form.details,
        "base": base,
        "left_out": sum(not previous.is_carried(one) for one in licensing.live_offers(base)) if base else 0,
        "asks_shares": base is not None and base.parents.exists(),
        "elements": _table(form.elements, ELEMENTS_SHOWN),
        "shares": _table(form.shares, SHARES_SHOWN),
        "parents": _table(form.parents, PARENTS_SHOWN),
        "offers": [
            {
                "name": words.say(words.TERMS, name),
                "summary": words.summary_text(READY[name]),
                "row": row,
                "net": nets.get(name, ""),
            }
            for name, row in form.offers.items()
        ],
        "uploaded": {name: form.uploaded(name) for name in ("cover", "previews", "content")},
        "ticked": form.details["keep"].value() or [],
        "problems": form.problems if form.details.is_bound else [],
        "whole_ppb": money.WHOLE_PPB,
        "sources": json.dumps(form.sources(), sort_keys=True),
        **_terms_of_sale(),
    }
    return render(request, "portal/publish.html", context, status=status)


def _table(rows: Sequence[Form], shown: int) -> dict[str, object]:
    """Numbers the rows of a table; those that wait behind "more" are open when something is in one of them."""
    numbered = list(enumerate(rows, start=1))
    used = any(row.errors or any(field.value() for field in row if field.name != "mode") for row in rows[shown:])
    return {"shown": numbered[:shown], "rest": numbered[shown:], "open": used}


def _terms_of_sale() -> dict[str, object]:
    fee = settings.PLATFORM_FEE_PPB
    return {
        "fee": words.percent_text(fee),
        "fee_ppb": fee,
        "yours": words.percent_text(money.WHOLE_PPB - fee),
        "file_limit_bytes": settings.ASSET_FILE_LIMIT_BYTES,
        "files_limit": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def publish_folder(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will publish the files of a folder as its pack.toml says."""
    if request.method != "POST":
        return _folder_page(request, creator)
    asked = set(request.POST.getlist("uploaded_folder"))
    arrived = [upload for upload in queries.uploads_of(creator) if str(upload.pk) in asked]
    try:
        draft, offers, came = _folder(request.FILES.getlist("folder"), arrived)
        submission = operations.hand_in(
            creator=creator,
            draft=draft,
            offers=offers,
            uploads={path: file for path, file in came.items() if isinstance(file, Upload)},
            streams={path: cast(BinaryIO, file) for path, file in came.items() if isinstance(file, UploadedFile)},
            kept={},
            now=timezone.now(),
        )
    except rules.UnreadablePack as error:
        return _folder_page(request, creator, arrived, _said(error.findings))
    except REFUSALS as error:
        return _folder_page(request, creator, arrived, refusal(error))
    return redirect("submission", submission.pk)


def _folder(
    sent: Sequence[UploadedFile], arrived: Sequence[Upload]
) -> tuple[Draft, list[rules.DraftOffer], dict[str, UploadedFile | Upload]]:
    """Reads a folder: pack.toml came with the form, the other files did too or arrived before, by the scripts.

    Raises UnreadablePack. Browsers send names without folders, so names must differ.
    """
    by_name: dict[str, list[UploadedFile | Upload]] = {}
    for file in (*sent, *arrived):
        by_name.setdefault(str(file.name), []).append(file)
    draft, offers = _pack([file for file in sent if file.name == rules.PACK_FILE])
    came: dict[str, UploadedFile | Upload] = {}
    findings: list[Finding] = []
    names = [PurePosixPath(file.path).name for file in draft.files]
    for listed, name in zip(draft.files, names, strict=True):
        found = by_name.get(name, [])
        if not found:
            text = gettext_noop("%(path)s is listed in pack.toml but did not come with the folder.")
            findings.append(Finding(listed.path, text, {"path": listed.path}))
        elif len(found) > 1 or names.count(name) > 1:
            text = gettext_noop(
                "Two files are called %(name)s: a browser sends names without folders, so each needs its own."
            )
            findings.append(Finding(listed.path, text, {"name": name}))
        else:
            came[listed.path] = found[0]
    if findings:
        raise rules.UnreadablePack(findings)
    licenses = {str(file.name): file for file in sent}
    return draft, with_files(offers, lambda path: _license(licenses.get(PurePosixPath(path).name))), came


def _license(file: UploadedFile | None) -> bytes | None:
    """Reads a license file that came with the folder, as much of it as any license has."""
    if file is None:
        return None
    file.seek(0)
    content: bytes = file.read(SIZE_LIMIT_BYTES + 1)
    return content


def _pack(written: Sequence[UploadedFile]) -> tuple[Draft, list[rules.DraftOffer]]:
    """Reads the one pack.toml of a folder, or raises UnreadablePack."""
    if len(written) != 1:
        text = gettext_noop("Exactly one file must be called pack.toml; %(count)s of the files that came are.")
        raise rules.UnreadablePack([Finding(rules.PACK_FILE, text, {"count": len(written)})])
    if (written[0].size or 0) > rules.PACK_FILE_LIMIT_BYTES:
        text = gettext_noop("%(path)s is larger than %(limit)s bytes.")
        values = {"path": rules.PACK_FILE, "limit": rules.PACK_FILE_LIMIT_BYTES}
        raise rules.UnreadablePack([Finding(rules.PACK_FILE, text, values)])
    try:
        return rules.parse_pack(written[0].read().decode("utf-8"))
    except UnicodeDecodeError as error:
        text = gettext_noop("%(path)s is not UTF-8 at byte %(offset)s.")
        values = {"path": rules.PACK_FILE, "offset": error.start}
        raise rules.UnreadablePack([Finding(rules.PACK_FILE, text, values)]) from None


def _folder_page(
    request: HttpRequest, creator: Creator, arrived: Sequence[Upload] = (), said: Sayings | None = None
) -> HttpResponse:
    context = {
        "here": "sell",
        "way": "folder",
        "owner": creator.handle,
        "arrived": arrived,
        "problems": [Problem("id_folder", where, message) for where, message in said or []],
        "sample": SAMPLE,
        **_terms_of_sale(),
    }
    return render(request, "portal/publish_folder.html", context, status=422 if said else 200)
