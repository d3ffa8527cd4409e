"""Files of other tools: which registered packs they name, and pictures of the studio's own locks counted as uses."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, import_answers, import_shapes, questions
from marketplace.api.asked import body, project_in, studio_of
from marketplace.api.door import Door, PublicDoor
from marketplace.api.errors import InvalidRequest
from marketplace.api.parsers import StrictJSONParser
from marketplace.api.problems import Finding
from marketplace.api.recipe_asked import use_in
from marketplace.compositions.importing.counting import count_picture
from marketplace.compositions.importing.queries import look
from marketplace.compositions.importing.reading import claims_of
from marketplace.compositions.importing.refusals import UnableToCountPicture
from marketplace.ui.words import gettext_noop

_NO_PICTURE = gettext_noop("This is a workflow: send the picture that was made with it.")
_EXAMPLE = documentation.request_example("a picture", {"file": "iVBORw0KGgo="})
ASKED = ("invalid-json", "too-large", "unsupported-media-type", "invalid-request", "import-refused")


class ImportParser(StrictJSONParser):
    """JSON that holds a whole picture as Base64."""

    limit_bytes = import_shapes.FILE_LIMIT + 64 * 1024


def _file_in(said: Any) -> bytes:
    try:
        return base64.b64decode(said["file"], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest([Finding("body", "/file", _("must be Base64 (RFC 4648, section 4)."))]) from None


class RecipeImport(PublicDoor):
    """Which registered packs made this?"""

    parser_classes = [ImportParser]

    @extend_schema(
        operation_id="recipes_import",
        summary="See which packs a file of another tool names",
        tags=["recipes"],
        request=import_shapes.ImportRequest,
        responses=documentation.answers(import_shapes.ImportedShape, *ASKED),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """This will read what a picture or workflow of ComfyUI or A1111 says that it was made with, and say which
        registered packs that names, whether they are licensed to the key's studio, and what is owed for it. Nothing is
        written, and the file is not kept.
        """
        questions.query(request, {})
        asked = body(request, import_shapes.ImportRequest)
        studio = getattr(request.auth, "studio", None)
        if studio is None and "project" in asked:
            raise InvalidRequest([Finding("body", "/project", _("is a studio's: send its key too."))])
        found = look(
            _file_in(asked),
            site=settings.SITE_URL,
            studios=[studio] if studio else [],
            studio=studio,
            project=project_in(asked, studio) if studio else None,
            use=use_in(asked) if "use" in asked else None,
            currency=asked.get("currency", ""),
            now=timezone.now(),
        )
        return Response(import_answers.imported(found, request.build_absolute_uri))


class Pictures(Door):
    """Pictures that name locks of the studio."""

    parser_classes = [ImportParser]

    @extend_schema(
        operation_id="uses_count_picture",
        summary="Count a picture as a use",
        tags=["recipes"],
        request=import_shapes.PictureRequest,
        responses=documentation.answers(
            import_shapes.CountedPictureShape,
            *(*ASKED, "api-key-missing", "picture-not-counted", "use-refused", "use-unlicensed"),
        ),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """This will count a picture that names a lock of the key's studio as one use of it: one of each unit that its
        licenses charge by. The same file counts once, however often it is sent and whoever sends it; so does one whose
        digest a renderer signed before.
        """
        questions.query(request, {})
        asked = body(request, import_shapes.PictureRequest)
        claims = claims_of(_file_in(asked))
        if not claims.is_picture:
            raise UnableToCountPicture(_NO_PICTURE)
        told = count_picture(
            studio=studio_of(request),
            person=request.user,
            lock=claims.recipe,
            picture=claims.sha256,
            at=datetime.fromtimestamp(asked["at"], UTC) if "at" in asked else None,
            now=timezone.now(),
        )
        return Response(import_answers.counted(told))
