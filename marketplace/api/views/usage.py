"""Uses of recipes: what renderers sign is counted, and listed. Only for a studio's API key."""

import re
from collections.abc import Mapping
from datetime import date
from typing import IO, Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, questions, usage_answers, usage_shapes
from marketplace.api.answers import Shape
from marketplace.api.asked import body, studio_of
from marketplace.api.door import Door, page
from marketplace.api.errors import TooLarge
from marketplace.api.following import once
from marketplace.api.parsers import StrictJSONParser
from marketplace.compositions.usage import accepting, queries
from marketplace.compositions.usage.envelope import ENVELOPE_LIMIT_BYTES
from marketplace.compositions.uses import UsageKey as Key

READS = ("api-key-missing", "not-found", "invalid-request")


class EnvelopeParser(BaseParser):
    """Hands the bytes on: what is signed is read by who checks the signature."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """This will return the bytes, or raise TooLarge."""
        read = stream.read(ENVELOPE_LIMIT_BYTES + 1)
        if len(read) > ENVELOPE_LIMIT_BYTES:
            raise TooLarge(_("The request body is larger than %s bytes.") % ENVELOPE_LIMIT_BYTES)
        return read


def month(value: str) -> date:
    """This will read a month such as 2026-11."""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
            raise ValueError
        return date.fromisoformat(value + "-01")
    except ValueError:
        raise ValueError(_("must be a month such as 2026-11.")) from None


class Uses(Door):
    """Uses of recipes."""

    parser_classes = [EnvelopeParser]

    @extend_schema(
        operation_id="uses_list",
        summary="List uses",
        tags=["recipes"],
        parameters=documentation.paged(
            OpenApiParameter("recipe", str, description="Only of this lock, by its digest."),
            OpenApiParameter("month", str, description="Only what is billed in this month, as in 2026-11."),
        ),
        responses=documentation.answers(usage_shapes.UsePage, "api-key-missing", "invalid-request"),
        examples=usage_answers.USES,
    )
    def get(self, request: Request) -> Response:
        """This will list the uses of recipes that were counted for the key's studio, newest first."""
        digest = questions.pattern(r"[0-9a-f]{64}", "64 hexadecimal digits")
        readers = {"recipe": digest, "month": month, **questions.pages("uses")}
        asked = questions.query(request, readers)
        found, more = queries.uses_of(
            studio_of(request),
            recipe=asked.get("recipe", ""),
            month=asked.get("month"),
            after=asked.get("cursor", ""),
            size=asked.get("limit", questions.DEFAULT_LIMIT),
        )
        return page(request, [usage_answers.use(row) for row in found], questions.as_cursor("uses", more))

    @extend_schema(
        operation_id="uses_accept",
        summary="Send uses",
        tags=["recipes"],
        request=usage_shapes.UsageEnvelopeRequest,
        responses=documentation.answers(
            usage_shapes.AcceptedShape,
            *("api-key-missing", "too-large", "unsupported-media-type", "invalid-request"),
            *("usage-unreadable", "usage-unsigned", "use-refused", "use-unlicensed", "nonce-reused"),
        ),
        examples=usage_answers.ACCEPT,
    )
    def post(self, request: Request) -> Response:
        """This will count 1 to 1,000 uses in an envelope that one of the studio's keys signed, all of them or none.
        What was counted is not counted again: sending an envelope twice is safe, and is answered as the first time.
        """
        questions.query(request, {})
        sent = request.data if isinstance(request.data, bytes) else b""
        told = accepting.accept(studio=studio_of(request), envelope=sent, now=timezone.now())
        return Response(usage_answers.accepted(told))


class UsageKeys(Door):
    """Keys of renderers."""

    parser_classes = [StrictJSONParser]

    @extend_schema(
        operation_id="usage_keys_list",
        summary="List keys that sign uses",
        tags=["recipes"],
        parameters=documentation.PAGES,
        responses=documentation.answers(usage_shapes.UsageKeyPage, "api-key-missing", "invalid-request"),
        examples=usage_answers.KEYS,
    )
    def get(self, request: Request) -> Response:
        """This will list the keys whose signatures count for the studio, and those that were ended, newest first."""
        asked = questions.query(request, questions.pages("usage-keys"))
        rows = queries.usage_keys(studio_of(request))
        found, more = questions.sliced(rows, asked, lambda row: (row.added_at, row.pk))
        data = [usage_answers.usage_key(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("usage-keys", more))

    @extend_schema(
        operation_id="usage_keys_add",
        summary="Register a key that signs uses",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=usage_shapes.UsageKeyRequest,
        responses=documentation.answers(
            usage_shapes.UsageKeyShape,
            *("invalid-json", "idempotency-key-missing", "api-key-missing", "too-large", "unsupported-media-type"),
            *("invalid-request", "idempotency-key-reused", "usage-key-refused"),
            status=201,
        ),
        examples=usage_answers.ADD_KEY,
    )
    def post(self, request: Request) -> Response:
        """This will register the public half of an Ed25519 key, once for each idempotency key; the private half stays
        where it signs.
        """
        asked, now = body(request, usage_shapes.UsageKeyRequest), timezone.now()

        def act() -> Shape:
            made = accepting.add_usage_key(
                studio=studio_of(request),
                person=request.user,
                public_key=asked["public_key"],
                name=asked["name"],
                now=now,
            )
            return usage_answers.usage_key(made, request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)


def _mine(request: Request, key_id: UUID) -> Key:
    questions.query(request, {})
    row = queries.usage_key(studio_of(request), key_id)
    if row is None:
        raise Http404(_("Your studio has no key with the id %s.") % key_id)
    return row


class UsageKey(Door):
    """A key of a renderer."""

    @extend_schema(
        operation_id="usage_keys_read",
        summary="Read a key that signs uses",
        tags=["recipes"],
        responses=documentation.answers(usage_shapes.UsageKeyShape, *READS),
        examples=usage_answers.KEY,
    )
    def get(self, request: Request, key_id: UUID) -> Response:
        """This will read one key of the key's studio."""
        return Response(usage_answers.usage_key(_mine(request, key_id), request.build_absolute_uri))

    @extend_schema(
        operation_id="usage_keys_end",
        summary="End a key that signs uses",
        tags=["recipes"],
        responses=documentation.answers(usage_shapes.UsageKeyShape, *READS, "usage-key-refused"),
    )
    def delete(self, request: Request, key_id: UUID) -> Response:
        """This will end a key: nothing that it signs counts from now on, and what was counted stays. Once ended it is
        ended, however often it is said.
        """
        accepting.end_usage_key(key=_mine(request, key_id), person=request.user, now=timezone.now())
        return Response(usage_answers.usage_key(_mine(request, key_id), request.build_absolute_uri))
