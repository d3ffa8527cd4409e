"""One request to a provider about one layer: ask for it, or hear what became of it. What came is written, once."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from marketplace.compositions.runs import ServiceCall, ServiceJob, ServiceOutcome
from marketplace.compositions.services import pictures, protocol
from marketplace.compositions.services.base import Answer, Client, Request
from marketplace.compositions.services.faults import ServiceFault
from marketplace.compositions.services.protocol import Answered
from marketplace.compositions.services.tickets import ticket

RESULT_SECONDS = 60
"""How much longer a picture may take to arrive than an answer."""
LEAST_WAIT_SECONDS, MOST_WAIT_SECONDS = 1, 30


def ask(call: ServiceCall, picture: Callable[[], bytes], client: Client, now: datetime) -> datetime | None:
    """This will ask for a layer that no provider has taken on, under the key that its row has; see `hear`.

    `picture` gives what a style is to paint over. However often it is sent, it is the same bytes under the same key.
    """
    # The last try may come a little late itself, and then what it hears says more than that it is late.
    if now >= call.deadline_at + timedelta(seconds=MOST_WAIT_SECONDS):
        raise ServiceFault("service-late")
    body = protocol.job_document(
        call.inputs["job"],
        key=call.key,
        deadline=int(call.deadline_at.timestamp()),
        picture=picture() if call.inputs["is_style"] else b"",
    )
    answered = protocol.read_answer(_send(call, client, "POST", "/jobs", now, body=body), now=now)
    ServiceJob.objects.get_or_create(call=call, defaults={"reference": answered.job, "accepted_at": now})
    return _settle(call, answered, client, now)


def hear(call: ServiceCall, client: Client, now: datetime) -> datetime | None:
    """This will hear what became of a job, and keep the picture once it is made.

    Returns when to come again, None once the layer is made. Raises ServiceFault.
    """
    job = call.job.reference
    answered = protocol.read_answer(_send(call, client, "GET", f"/jobs/{job}", now), now=now)
    if answered.job != job:
        raise ServiceFault("service-unreadable", "job is another one than we asked about")
    return _settle(call, answered, client, now)


def deadline(call: ServiceCall) -> datetime:
    """This will say when we wait no more: so long after it was taken on as the service says it needs, at most."""
    if not hasattr(call, "job"):
        return call.deadline_at
    return min(
        call.deadline_at, call.job.accepted_at + timedelta(seconds=call.inputs["service"]["timeout"]["job_seconds"])
    )


def again_at(call: ServiceCall, now: datetime, said_seconds: int | None) -> datetime:
    """This will say when to come again: when the provider says, else ever later the longer it takes."""
    since = call.job.accepted_at if hasattr(call, "job") else call.called_at
    seconds = int((now - since).total_seconds()) // 2 if said_seconds is None else said_seconds
    most = protocol.MOST_WAIT_SECONDS if said_seconds is not None else MOST_WAIT_SECONDS
    return now + timedelta(seconds=max(LEAST_WAIT_SECONDS, min(most, seconds)))


def _settle(call: ServiceCall, answered: Answered, client: Client, now: datetime) -> datetime | None:
    if answered.state == protocol.FAILED:
        raise ServiceFault("service-failed", answered.reason)
    if answered.state != protocol.MADE:
        if now >= deadline(call):
            raise ServiceFault("service-late")
        return min(again_at(call, now, answered.retry_after), deadline(call))
    result, service = answered.result, call.inputs["service"]
    assert result is not None
    if result.media_type not in service["media_types"]:
        raise ServiceFault("wrong-type", result.media_type)
    if result.size_bytes > service["result_bytes"]:
        raise ServiceFault("too-large", str(service["result_bytes"]))
    answer = _send(
        call,
        client,
        "GET",
        f"/jobs/{answered.job}/result",
        now,
        limit_bytes=min(result.size_bytes, service["result_bytes"]),
        more_seconds=RESULT_SECONDS,
    )
    protocol.check_status(answer, now=now)
    if len(answer.body) != result.size_bytes or hashlib.sha256(answer.body).hexdigest() != result.sha256:
        raise ServiceFault("wrong-digest")
    pictures.check_picture(answer.body, job=call.inputs["job"], media_type=result.media_type)
    with transaction.atomic():
        blob = pictures.kept(answer.body, now=now)
        ServiceOutcome.objects.create(call=call, outcome=ServiceOutcome.MADE, blob=blob, at=now)
    return None


def _send(
    call: ServiceCall,
    client: Client,
    method: str,
    path: str,
    now: datetime,
    *,
    body: bytes = b"",
    limit_bytes: int = protocol.ANSWER_BYTES,
    more_seconds: int = 0,
) -> Answer:
    url, job = call.endpoint + path, call.inputs["job"]
    said = {"key": call.key, "grant": job["grant"], "release": job["release"]}
    signed = ticket(endpoint=call.endpoint, method=method, url=url, body=body, said=said, now=now)
    headers = {"Authorization": f"Bearer {signed}"}
    if body:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": call.key}
    seconds = call.inputs["service"]["timeout"]["answer_seconds"] + more_seconds
    return client.send(Request(method, url, seconds, limit_bytes, headers, body))
