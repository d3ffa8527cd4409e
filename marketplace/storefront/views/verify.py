"""Verify: does a digest match what was registered here, by whom and when, and how anyone can check that.

Of a picture that matches nothing it says what looks like it: a lead, and never called a match.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

import ledger.queries
from assets.originality.seen import looking_like
from ledger.models import Entry
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Release
from marketplace.storefront import pictures, provenance, queries, words
from marketplace.storefront.forms import VerifyForm
from marketplace.ui import formats

ALIKE_SHOWN = 6


@dataclass(frozen=True)
class Match:
    """What a digest leads to: the statement that registered it, and the releases that hold it."""

    digest: str
    kind: str
    standing: queries.Standing
    releases: list[Release]

    @property
    def first(self) -> Release | None:
        """The release that was published first."""
        return self.releases[0] if self.releases else None


@dataclass(frozen=True)
class Alike:
    """A release with a picture that looks like the one asked about, by so many of 256 bits of difference."""

    release: Release
    cover: Mapping[str, str]
    bits: int


@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    """This will say in one sentence whether a digest matches what was registered."""
    if "digest" not in request.GET:
        return render(request, "storefront/verify.html", {"here": "verify"})
    form = VerifyForm(request.GET)
    if "digest" in form.errors:
        error = " ".join(str(sentence) for sentence in form.errors.get("digest", []))
        context = {"here": "verify", "error": error, "value": request.GET["digest"][:80]}
        return render(request, "storefront/verify.html", context, status=422)
    digest = form.cleaned_data["digest"]
    match = _match(digest)
    context = {"here": "verify", "asked": True, "value": digest, "match": match}
    if match:
        context |= _proofs(request, match)
    elif looks := form.cleaned_data.get("looks"):
        context["alike"] = _alike(looks)
    return render(request, "storefront/verify.html", context)


def _match(digest: str) -> Match | None:
    entries = ledger.queries.lookup(digest)
    if not entries:
        return None
    entry = entries[0]
    if entry.type == "asset":
        releases = list(catalog.releases_with(digest))
    else:
        named = entry.statement.get("release") if entry.type in {"release", "offer", "grant"} else None
        release = catalog.release_by_digest(named) if named else None
        releases = [release] if release else []
    return Match(digest, entry.type, queries.standing(entry), releases)


def _alike(looks: Sequence[bytes]) -> list[Alike]:
    """Finds the first release of each published picture that looks like the one asked about."""
    found = []
    for asset, bits in looking_like(looks)[:ALIKE_SHOWN]:
        if (release := catalog.first_release_with(asset)) is not None:
            covers = [row.asset for row in release.assets.all() if row.is_cover]
            found.append(Alike(release, pictures.shown(covers[0].previews.all() if covers else ()), bits))
    return found


def _verdict(match: Match) -> str:
    """Says in one sentence what matches: never that anything is genuine, only that it was registered."""
    day = formats.date_text(match.standing.entry.stated_at)
    if match.first is None:
        return _("This matches what was registered on %(day)s.") % {"day": day}
    values = {
        "name": match.first.pack.creator.display_name,
        "day": day,
        "title": formats.choose_title(match.first.title)[0],
        "version": match.first.version,
    }
    if match.kind == "asset":
        return _("This file matches what was registered by %(name)s on %(day)s.") % values
    if match.kind == "release":
        return _("This matches the manifest of “%(title)s” %(version)s, registered by %(name)s on %(day)s.") % values
    return _("This matches a statement registered on %(day)s about “%(title)s” by %(name)s.") % values


def _proofs(request: HttpRequest, match: Match) -> dict[str, object]:
    """Gathers what somebody needs who believes nothing of this page."""
    entry: Entry = match.standing.entry
    proof = ledger.queries.proof_for(entry)
    key = str(ledger.queries.verifier_key())
    site = request.build_absolute_uri("/").rstrip("/")
    return {
        "verdict": _verdict(match),
        "tone": "ok" if match.standing.index is not None else "neutral",
        "entry": entry,
        "entry_type": words.say(words.ENTRY_TYPES, entry.type),
        "entry_text": json.dumps(json.loads(bytes(entry.body)), indent=2, ensure_ascii=False),
        "proof_text": proof.to_text() if proof else "",
        "steps": provenance.statement_steps(match.standing, reverse("log")),
        "permalink": request.build_absolute_uri(f"{reverse('verify')}?digest={match.digest}"),
        "sum_command": f"sha256sum {_quoted(match)}\n# {match.digest}",
        "verify_command": f'curl -O {site}{reverse("source")}\npython verify.py BUNDLE.zip \\\n  --key "{key}"',
    }


def _quoted(match: Match) -> str:
    return "FILE" if match.kind == "asset" else "manifest.json" if match.kind == "release" else "ENTRY"
