"""The token of a release, where its owner had one made: open to everybody."""

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, questions, token_shapes
from marketplace.api.door import PublicDoor
from marketplace.catalog import queries as catalog
from marketplace.catalog import token_words


class ReleaseToken(PublicDoor):
    """Read how far the token of a release is."""

    @extend_schema(
        operation_id="releases_token",
        summary="Read how far the token of a release is",
        tags=["proof"],
        parameters=[documentation.digest("digest", "SHA-256 of the manifest.")],
        responses=documentation.answers(token_shapes.TokenShape, "not-found", "invalid-request"),
        examples=[token_shapes.TOKEN],
    )
    def get(self, request: Request, digest: str) -> Response:
        """This will read whether a release is a token on chain, who holds it, and whether log and chain agree.

        From what was confirmed: the chain is not asked.
        """
        questions.query(request, {})
        release = catalog.release_by_digest(questions.digest("digest", digest))
        if release is None:
            raise Http404(_("No release has the digest %s.") % digest)
        return Response(token_words.as_document(release, now=timezone.now()))
