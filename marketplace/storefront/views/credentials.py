"""What other people's tools fetch: our keys, status lists, model signatures, and what they must trust for them."""

import hashlib
import json
from datetime import UTC, datetime

import rfc8785
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

import ledger.attesting
import ledger.queries
from ledger.attestations import keyset, modelsigning
from marketplace.catalog import queries as catalog
from marketplace.licensing import bundles, certificates, statuslists
from marketplace.licensing import operations as licensing_operations
from marketplace.licensing import queries as licensing

_MINUTE, _FIVE_MINUTES, _DAY = 60, 300, 86_400


def _answer(request: HttpRequest, content: bytes, content_type: str, seconds: int) -> HttpResponseBase:
    """Sends public bytes under their own digest as entity tag, to any page that asks."""
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"Cache-Control": f"public, max-age={seconds}", "Access-Control-Allow-Origin": "*", "ETag": etag}
    response = HttpResponse(content, content_type=content_type, headers=headers)
    answer: HttpResponseBase = get_conditional_response(request, etag=etag, response=response) or response
    return answer


@require_safe
def key_set(request: HttpRequest) -> HttpResponseBase:
    """This will send the keys of certificates and claims (RFC 7517), former ones too until they are revoked."""
    return _answer(request, rfc8785.dumps(keyset.key_set()), "application/jwk-set+json", _FIVE_MINUTES)


@require_safe
def key(request: HttpRequest, kid: str) -> HttpResponseBase:
    """This will send one of those keys as PEM, for openssl and model_signing."""
    jwk = keyset.find(kid)
    if jwk is None:
        raise Http404
    return _answer(request, modelsigning.pem(keyset.public_key(jwk)), "application/x-pem-file", _FIVE_MINUTES)


@require_safe
def license_context(request: HttpRequest, version: int) -> HttpResponseBase:
    """This will send what the words of a certificate mean (JSON-LD 1.1), as certificates of that version say them."""
    if version not in certificates.VERSIONS:
        raise Http404
    document = certificates.context_document(settings.SITE_URL, version)
    return _answer(request, json.dumps(document, indent=1).encode(), "application/ld+json", _DAY)


@require_safe
def status_list(request: HttpRequest, purpose: str, number: int) -> HttpResponseBase:
    """This will send a status list credential (docs/formats/status-list.md), newly signed only when a bit changed."""
    if purpose not in statuslists.PURPOSES or number >= licensing.status_lists():
        raise Http404
    row = licensing_operations.ensure_status_list(purpose=purpose, number=number, now=timezone.now())
    return _answer(request, row.credential.encode(), "application/vc+jwt", _MINUTE)


@require_safe
def model_signature(request: HttpRequest, digest: str) -> HttpResponseBase:
    """This will send a release's OpenSSF model signature, once the log proves it (docs/formats/model-signing.md)."""
    release = catalog.release_by_digest(digest)
    if release is None:
        raise Http404
    bundle = ledger.attesting.model_signature(release=digest, name=str(release), digests=bundles.digests_in(release))
    if bundle is None:
        raise Http404
    return _answer(request, bundle, modelsigning.BUNDLE_TYPE, _FIVE_MINUTES)


@require_safe
def trusted_root(request: HttpRequest) -> HttpResponseBase:
    """This will send the trusted root that names our log to sigstore's verifiers."""
    key = ledger.queries.verifier_key()
    entry = ledger.queries.find_key(ledger.queries.signer("log").kid)
    since = entry.stated_at if entry else datetime.fromtimestamp(0, UTC)
    return _answer(request, modelsigning.trusted_root(key, since=since), "application/json", _FIVE_MINUTES)
