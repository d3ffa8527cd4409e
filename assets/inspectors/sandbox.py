"""Inspection in a child process, limited in memory, time and output: what does not finish has not passed."""

import base64
import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from assets.inspectors.base import Finding, Inspection, Limits, Refused, finding_of
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

logger = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("child.py")
_MAX_DEATHS = 3


class Candidate(NamedTuple):
    """A file to inspect: where its bytes are, and its path in the release."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What one child may use. Seconds are of wall clock a file; the processor may be used for as long."""

    limits: Limits = field(default_factory=Limits)
    memory_bytes: int = 2 * 1024**3
    seconds: int = 120
    output_bytes: int = 8 * 1024**2


def inspect_files(files: Sequence[Candidate], box: Box | None = None) -> list[Inspection | Refused]:
    """Return, in order, what each file is or why it is refused.

    One child serves the whole batch. A file on which a child crashes, runs out of memory or time, or says too
    much is refused with `inspection-did-not-finish`; the rest goes to a new child, three times at most.
    """
    jobs = [{"verb": "inspect", "path": str(path), "name": name} for path, name in files]
    answers = _run(jobs, box or Box())
    return [_inspection(answer, name) for answer, (_path, name) in zip(answers, files, strict=True)]


def make_preview(path: Path, widths: Sequence[int], box: Box | None = None) -> list[bytes]:
    """Return the picture at `path` as WebP in each of `widths`; raise Refused when any could not be made."""
    previews = []
    for drawn in make_previews([(path, width) for width in widths], box):
        if isinstance(drawn, Refused):
            raise drawn
        previews.append(drawn)
    return previews


def make_previews(wanted: Sequence[tuple[Path, int]], box: Box | None = None) -> list[bytes | Refused]:
    """Return, in order, each picture as WebP in its width, or why it could not be made.

    One child serves all, and decodes a picture once when its widths stand beside each other.
    """
    jobs = [{"verb": "preview", "path": str(path), "width": width} for path, width in wanted]
    return [
        base64.b64decode(answer["preview"]) if set(answer) == {"preview"} else _refusal(answer, "preview")
        for answer in _run(jobs, box or Box())
    ]


def _inspection(answer: dict[str, Any], name: str) -> Inspection | Refused:
    if set(answer) == {"media_type", "facts"}:
        return Inspection(answer["media_type"], answer["facts"])
    return _refusal(answer, name)


def _refusal(answer: dict[str, Any], name: str) -> Refused:
    if answer.get("findings"):
        return Refused([finding_of(finding) for finding in answer["findings"]])
    reason = answer.get("failed", Words(_("no answer")))
    template = _("the inspection did not finish (%(reason)s); try again, and save the file anew if it fails again.")
    return Refused([Finding("inspection-did-not-finish", template, "", {"reason": reason}).in_file(name)])


def _run(jobs: list[dict[str, Any]], box: Box) -> list[dict[str, Any]]:
    """Return one answer a job; {"failed": why} for each job that no child finished."""
    answers: list[dict[str, Any]] = []
    for _start in range(_MAX_DEATHS):
        if len(answers) == len(jobs):
            break
        answers += list(_serve(jobs[len(answers) :], box))
    return answers + [{"failed": Words(_("other files stopped it"))}] * (len(jobs) - len(answers))


def _serve(jobs: list[dict[str, Any]], box: Box) -> Iterator[dict[str, Any]]:
    """Start one child and yield its answers; end with {"failed": why} on the job that stopped it."""
    request = {
        "jobs": jobs,
        "limits": asdict(box.limits),
        "memory_bytes": box.memory_bytes,
        "cpu_seconds": box.seconds * len(jobs),
    }
    with _child() as (questions, source):
        with contextlib.suppress(BrokenPipeError):
            questions.write(json.dumps(request).encode() + b"\n")
            questions.flush()
        buffer = bytearray()
        for _job in jobs:
            line = _line(source.fileno(), buffer, box)
            if isinstance(line, Words):
                logger.warning("An inspection did not finish: %s", line)
                yield {"failed": line}
                return
            yield line


@contextlib.contextmanager
def _child() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Give the two ends, in and out, of a child with an empty environment and no terminal; end it in any case."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"OPENBLAS_NUM_THREADS": "1"},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdin, process.stdout
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def _line(source: int, buffer: bytearray, box: Box) -> dict[str, Any] | Words:
    """Return the next answer from the descriptor `source`, or in words why there is none."""
    deadline = time.monotonic() + box.seconds
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while b"\n" not in buffer:
            if len(buffer) > box.output_bytes:
                return Words(_("it said too much"))
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return Words(_("it took longer than %(seconds)s s"), {"seconds": box.seconds})
            part = os.read(source, 65536)
            if not part:
                return Words(_("it stopped"))
            buffer += part
    line, _newline, rest = bytes(buffer).partition(b"\n")
    buffer[:] = rest
    try:
        answer = json.loads(line)
    except ValueError:
        return Words(_("it did not answer in JSON"))
    return answer if isinstance(answer, dict) else Words(_("it did not answer in JSON"))
