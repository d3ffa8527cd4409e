"""What we and a provider say to each other: `worldloom/service-job/1`, docs/services.md. No Django in here."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from assets.inspectors.base import Refused
from assets.inspectors.strict_json import read_json
from ledger.canonical import canonical
from marketplace.compositions.services.base import Answer
from marketplace.compositions.services.faults import ServiceFault
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

JOB_FORMAT = "worldloom/service-job/1"
QUEUED, RUNNING, MADE, FAILED = "queued", "running", "made", "failed"
STATES = (QUEUED, RUNNING, MADE, FAILED)
ANSWER_BYTES = 64 * 1024
MOST_WAIT_SECONDS = 3_600

_JOB = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WHOLE = Words(_("the answer"))
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Result:
    """The picture that a provider says it made."""

    sha256: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What a provider says of a job; `retry_after` is in seconds, None where it does not say."""

    job: str
    state: str
    retry_after: int | None = None
    reason: str = ""
    result: Result | None = None


def job_document(said: Mapping[str, Any], *, key: str, deadline: int, picture: bytes = b"") -> bytes:
    """This will write a job as RFC 8785 JSON; the same job is the same bytes however often it is sent.

    `picture` is the PNG that a style paints over.
    """
    source = None
    if picture:
        source = {
            "media_type": "image/png",
            "sha256": hashlib.sha256(picture).hexdigest(),
            "size_bytes": len(picture),
            "data": base64.b64encode(picture).decode(),
        }
    return canonical({"format": JOB_FORMAT, **said, "key": key, "deadline": deadline, "input": source})


def read_answer(answer: Answer, *, now: datetime) -> Answered:
    """This will read what a provider answered about a job, or raise ServiceFault; unknown members are passed over."""
    check_status(answer, now=now)
    try:
        text = answer.body.decode()
        said = read_json(text, depth=_DEPTH, where=_WHOLE)
    except UnicodeDecodeError:
        raise _unreadable("no UTF-8") from None
    except Refused as refusal:
        raise _unreadable(str(refusal)) from None
    if not isinstance(said, dict) or said.get("format") != JOB_FORMAT:
        raise _unreadable(f"format is not {JOB_FORMAT}")
    job, state = said.get("job"), said.get("state")
    if not isinstance(job, str) or not _JOB.fullmatch(job) or not job.strip("."):
        raise _unreadable("job is no name of a job")
    if state not in STATES:
        raise _unreadable(f"state is none of {', '.join(STATES)}")
    reason = said.get("reason", "")
    if not isinstance(reason, str):
        raise _unreadable("reason is no text")
    wait = _wait(said.get("retry_after"))
    result = _result(said.get("result")) if state == MADE else None
    return Answered(job, state, _wait_in(answer, now) if wait is None else wait, reason, result)


def check_status(answer: Answer, *, now: datetime) -> None:
    """This will raise ServiceFault for every answer but 200, 201 and 202."""
    status = answer.status
    if status in (200, 201, 202):
        return
    wait = _wait_in(answer, now)
    if status == 429:
        raise ServiceFault("service-busy", lasts=False, wait_seconds=wait)
    if status in (408, 425) or status >= 500:
        raise ServiceFault("service-failing", str(status), lasts=False, wait_seconds=wait)
    if 300 <= status < 400:
        raise ServiceFault("service-redirects", str(status))
    if status < 400:
        raise _unreadable(f"status {status}")
    raise ServiceFault("service-refused", f"{status}{_detail(answer.body)}")


def _detail(body: bytes) -> str:
    """Finds a provider's own words: `reason`, or `detail` and `title` of RFC 9457."""
    try:
        said = read_json(body.decode(), depth=_DEPTH, where=_WHOLE)
    except (UnicodeDecodeError, Refused):
        return ""
    told = [said.get(name) for name in ("reason", "detail", "title")] if isinstance(said, dict) else []
    return next((f": {one}" for one in told if isinstance(one, str) and one), "")


def _result(said: Any) -> Result:
    if not isinstance(said, dict):
        raise _unreadable("result is missing")
    sha256, media_type, size_bytes = (said.get(name) for name in ("sha256", "media_type", "size_bytes"))
    if not isinstance(sha256, str) or not _DIGEST.fullmatch(sha256):
        raise _unreadable("result.sha256 is not 64 small hexadecimal digits")
    if not isinstance(media_type, str) or not media_type.isascii():
        raise _unreadable("result.media_type is no media type")
    if type(size_bytes) is not int or size_bytes < 1:
        raise _unreadable("result.size_bytes is no size")
    return Result(sha256, media_type, size_bytes)


def _wait(said: Any) -> int | None:
    if said is None:
        return None
    if type(said) is not int or said < 0:
        raise _unreadable("retry_after is no whole number of seconds")
    return min(said, MOST_WAIT_SECONDS)


def _wait_in(answer: Answer, now: datetime) -> int | None:
    """Reads the header Retry-After (RFC 9110, section 10.2.3), seconds or a date; what is neither says nothing."""
    said = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", said):
        return min(int(said), MOST_WAIT_SECONDS)
    try:
        until = parsedate_to_datetime(said)
        return max(0, min(int((until - now).total_seconds()), MOST_WAIT_SECONDS))
    except (ValueError, TypeError, OverflowError):
        return None


def _unreadable(reason: str) -> ServiceFault:
    return ServiceFault("service-unreadable", reason)
