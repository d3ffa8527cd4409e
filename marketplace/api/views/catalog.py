"""What is for sale, and whether bytes are registered: open to everybody."""

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

import ledger.queries
from marketplace.api import answers, documentation, questions, serializers
from marketplace.api.door import PublicDoor, page
from marketplace.catalog import queries as catalog
from marketplace.catalog.rules import AI_TRAINING, BASE_MODELS, ELEMENT_KINDS, PACK_KINDS
from marketplace.licensing import queries as licensing

FILTERS = {
    "q": questions.text,
    "kind": questions.choice(*PACK_KINDS),
    "element": questions.choice(*ELEMENT_KINDS),
    "base_model": questions.choice(*[name for name in BASE_MODELS if name]),
    "ai_training": questions.choice(*AI_TRAINING),
    "creator": questions.text,
}
PAGE = {"cursor": questions.cursor("packs"), "limit": questions.limit}
VERSION = questions.pattern(r"[0-9]{1,9}(\.[0-9]{1,9}){2}", "1.0.0")


class Packs(PublicDoor):
    """List and search packs."""

    @extend_schema(
        operation_id="packs_list",
        summary="List and search packs",
        tags=["catalog"],
        parameters=documentation.PACK_FILTERS,
        responses=documentation.answers(serializers.PackPage, "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list packs, newest first."""
        asked = questions.query(request, FILTERS | PAGE)
        after, size = asked.pop("cursor", ""), asked.pop("limit", questions.DEFAULT_LIMIT)
        chosen = catalog.Filter(**{"text" if name == "q" else name: value for name, value in asked.items()})
        found = catalog.browse(chosen, after=after, size=size)
        offers = licensing.lowest_now((listing.release for listing in found.listings), timezone.now())
        site = request.build_absolute_uri
        data = [answers.pack(listing, offers.get(listing.release_id), site) for listing in found.listings]
        return page(request, data, questions.as_cursor("packs", found.after))


class Pack(PublicDoor):
    """Read a pack by name."""

    @extend_schema(
        operation_id="packs_read",
        summary="Read a release of a pack by name",
        tags=["catalog"],
        parameters=documentation.PACK_NAME,
        responses=documentation.answers(serializers.ReleaseShape, "not-found", "invalid-request"),
    )
    def get(self, request: Request, creator: str, pack: str) -> Response:
        """This will read one release of a pack: manifest, offers with their terms in words, and proof."""
        asked = questions.query(request, {"version": VERSION})
        release = catalog.release(creator, pack, asked.get("version", ""))
        if release is None:
            raise Http404(_("There is no such pack or version: list packs at /api/v1/packs."))
        return Response(answers.release(release, timezone.now()))


class Release(PublicDoor):
    """Read a release by digest."""

    @extend_schema(
        operation_id="releases_read",
        summary="Read a release by its digest",
        tags=["catalog"],
        parameters=[documentation.digest("digest", "SHA-256 of the manifest.")],
        responses=documentation.answers(serializers.ReleaseShape, "not-found", "invalid-request"),
    )
    def get(self, request: Request, digest: str) -> Response:
        """This will read the release whose manifest has this SHA-256."""
        questions.query(request, {})
        release = catalog.release_by_digest(questions.digest("digest", digest))
        if release is None:
            raise Http404(_("No release has the digest %s.") % digest)
        return Response(answers.release(release, timezone.now()))


class Verify(PublicDoor):
    """Ask whether bytes are registered."""

    @extend_schema(
        operation_id="digests_verify",
        summary="Verify bytes by their digest",
        tags=["proof"],
        parameters=[documentation.digest("sha256", "SHA-256 of the bytes of one file.")],
        responses=documentation.answers(serializers.VerifyShape, "invalid-request"),
    )
    def get(self, request: Request, sha256: str) -> Response:
        """This will tell whether bytes with this SHA-256 were registered here, in which releases, and since when.

        Unknown bytes are no error: `matches` is false.
        """
        questions.query(request, {})
        digest = questions.digest("sha256", sha256)
        entry = ledger.queries.find_by_asset_digest(digest)
        return Response(answers.verdict(digest, entry, catalog.releases_with(digest), request.build_absolute_uri))
