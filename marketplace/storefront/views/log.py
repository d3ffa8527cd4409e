"""The public log: its static files, the page that explains it, and the verifier that anyone may read."""

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

import ledger.index.lookups
import ledger.keyring
import ledger.queries
import ledger.verify
from ledger.index.proofs import KEY
from marketplace.storefront import queries, words

FOREVER = "public, max-age=31536000, immutable"


def _file(path: str, content_type: str, cache: str) -> HttpResponse:
    content = ledger.queries.log_folder().read(path)
    if content is None:
        raise Http404
    headers = {"Cache-Control": cache, "Access-Control-Allow-Origin": "*"}
    return HttpResponse(content, content_type=content_type, headers=headers)


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """This will send the newest published checkpoint (c2sp.org/tlog-tiles)."""
    return _file("checkpoint", "text/plain; charset=utf-8", "public, max-age=5")


@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """This will send the witness policy that checkpoints are published under (docs/formats/policy.md)."""
    return _file("policy", "text/plain; charset=utf-8", "public, max-age=300")


@require_safe
def tile(request: HttpRequest, path: str) -> HttpResponse:
    """This will send a tile or an entry bundle; the address allows no other path (c2sp.org/tlog-tiles)."""
    return _file(f"tile/{path}", "application/octet-stream", FOREVER)


@require_safe
def lookup(request: HttpRequest, key: str) -> HttpResponse:
    """This will prove which entries of the log are about a key, or that none is (docs/formats/index.md)."""
    headers = {"Cache-Control": "public, max-age=5", "Access-Control-Allow-Origin": "*"}
    if not KEY.fullmatch(key):
        return JsonResponse({"error": "not a key: see docs/formats/index.md"}, status=400, headers=headers)
    proof = ledger.index.lookups.lookup_proof(key)
    if proof is None:
        soon = headers | {"Retry-After": "60", "Cache-Control": "no-store"}
        return JsonResponse({"error": "the log has no index yet: ask again in a minute"}, status=503, headers=soon)
    return JsonResponse(proof.to_document(), headers=headers)


@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """This will explain the log and show its newest entries."""
    published = ledger.queries.published()
    leaves = queries.newest_leaves()
    context = {
        "published": published,
        "root": published.head.root.hex() if published else "",
        "counts": ledger.queries.log_counts(),
        "origin": settings.LOG_ORIGIN,
        "vkeys": [str(key) for key in ledger.keyring.log_keys()],
        "witnessed": ledger.queries.log_folder().read("policy") is not None,
        "anchor": ledger.queries.latest_anchor_covering(0),
        "leaves": [{"leaf": leaf, "type": words.say(words.ENTRY_TYPES, leaf.entry.type)} for leaf in leaves],
    }
    return render(request, "storefront/log.html", context)


@require_safe
def source(request: HttpRequest) -> HttpResponse:
    """This will send the offline verifier, one file, as it is in this house."""
    return _source("verify.py")


@require_safe
def source_sh(request: HttpRequest) -> HttpResponse:
    """This will send the smaller verifier, for machines that have bash and openssl and nothing else."""
    return _source("verify.sh")


@require_safe
def source_royalty(request: HttpRequest) -> HttpResponse:
    """This will send the verifier of royalty proofs, one file, as it is in this house."""
    return _source("verify_royalty.py")


def _source(name: str) -> HttpResponse:
    headers = {"Cache-Control": "public, max-age=300", "Content-Disposition": f'inline; filename="{name}"'}
    content = Path(ledger.verify.__file__).with_name(name).read_bytes()
    return HttpResponse(content, content_type="text/plain; charset=utf-8", headers=headers)
