"""Following a writing request once, however often it is sent."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import questions
from marketplace.api.models import Followed
from marketplace.api.renderers import OPTIONS
from marketplace.checkout.models import Order
from marketplace.checkout.operations import KeyUsedOtherwise
from marketplace.people.models import Studio


def check_unfollowed(studio: Studio, key: str) -> None:
    """This will raise KeyUsedOtherwise where a key stands for a request that was no order."""
    if Followed.objects.filter(studio=studio, idempotency_key=key).exists():
        raise KeyUsedOtherwise(key)


@transaction.atomic
def once(*, request: Request, asked: Any, act: Callable[[], Any], now: datetime, status: int = 201) -> Response:
    """This will answer as before where the key's studio sent the same under the same key, else act and remember.

    `asked` is the body as it was read. Acting and remembering are one transaction: after a refusal neither is there,
    and the same request is tried anew. Two at the same moment wait for each other. Raises KeyUsedOtherwise.
    """
    key, studio = questions.idempotency_key(request), request.auth.studio
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 5))", [f"{studio.pk} {key}"])
    return _followed(request, studio, key, asked, act, now, status)


def once_paid(*, request: Request, asked: Any, act: Callable[[], Any], now: datetime, status: int = 201) -> Response:
    """This will do as `once` where money moves, so that acting cannot be one transaction with remembering.

    `act` must do each thing once however often it is called: after a crash in between it is called again. Two under
    one key wait for each other, outside of any transaction.
    """
    key, studio = questions.idempotency_key(request), request.auth.studio
    name = [f"{studio.pk} {key}"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 5))", name)
    try:
        return _followed(request, studio, key, asked, act, now, status)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 5))", name)


def _followed(
    request: Request, studio: Studio, key: str, asked: Any, act: Callable[[], Any], now: datetime, status: int
) -> Response:
    said = {"method": request.method, "path": request.path, "asked": asked}
    digest = hashlib.sha256(orjson.dumps(said, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    there = Followed.objects.filter(studio=studio, idempotency_key=key).first()
    if there is None and Order.objects.filter(studio=studio, idempotency_key=key).exists():
        raise KeyUsedOtherwise(key)
    if there is None:
        answer = orjson.dumps(act(), option=OPTIONS).decode()
        there = Followed.objects.create(
            studio=studio, idempotency_key=key, request_sha256=digest, status=status, answer=answer, followed_at=now
        )
    elif there.request_sha256 != digest:
        raise KeyUsedOtherwise(key)
    told = orjson.loads(there.answer)
    headers = {"Location": told["url"]} if there.status == 201 and "url" in told else {}
    return Response(told, status=there.status, headers=headers)
