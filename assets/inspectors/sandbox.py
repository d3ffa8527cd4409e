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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from assets.inspectors.base import Finding, Inspection, Limits, Refused, finding_of
from assets.originality.base import Print
from assets.previews.base import Copy
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

logger = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("child.py")
_MAX_DEATHS = 3


class Candidate(NamedTuple):
    """A file to inspect: where its bytes are, and its path in the release."""

    path: Path
    name: str


class Wanted(NamedTuple):
    """A picture for pages: of which file, the `kind` in its facts, and how wide in pixels."""

    path: Path
    kind: str
    width: int


class Decoded(NamedTuple):
    """A picture encoded anew as PNG: what it came as (png, jpeg, webp, avif), and its size in pixels."""

    container: str
    width: int
    height: int
    png: bytes


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
    for copies in make_previews([Wanted(path, "picture", width) for width in widths], box):
        if isinstance(copies, Refused):
            raise copies
        previews += [copy.data for copy in copies if copy.media_type == "image/webp"]
    return previews


def make_previews(wanted: Sequence[Wanted], box: Box | None = None) -> list[list[Copy] | Refused]:
    """Return, in order, each file's copies in the width wanted, WebP and AVIF, or why they could not be made.

    A picture is copied; of weights, motion and models one is drawn (assets/previews/). One child serves all, and
    decodes or draws once when the widths of a file stand beside each other.
    """
    jobs = [{"verb": "preview", "path": str(path), "kind": kind, "width": width} for path, kind, width in wanted]
    return [
        [
            Copy(media_type=kind, width=width, height=height, color_field=colors, data=base64.b64decode(data))
            for kind, width, height, colors, data in answer["copies"]
        ]
        if set(answer) == {"copies"}
        else _refusal(answer, "preview")
        for answer in _run(jobs, box or Box())
    ]


def examine_files(
    files: Sequence[Candidate], key: bytes, box: Box | None = None
) -> list[tuple[Inspection, list[Print]] | Refused]:
    """Return, in order, what each file is and what it is recognised by under the secret `key`, or why it is refused.

    One child does both, file by file, as `inspect_files` does the first.
    """
    jobs = [{"verb": "examine", "path": str(path), "name": name, "key": key.hex()} for path, name in files]
    return [
        (Inspection(answer["media_type"], answer["facts"]), _prints(answer["fingerprints"]))
        if set(answer) == {"media_type", "facts", "fingerprints"}
        else _refusal(answer, name)
        for answer, (_path, name) in zip(_run(jobs, box or Box()), files, strict=True)
    ]


def compare_weights(
    pairs: Sequence[tuple[Path, str, Path, str]], box: Box | None = None
) -> list[dict[str, Any] | Refused]:
    """Return, in order, what shows how the weights at one (path, member) contain those at the other."""
    jobs = [
        {"verb": "compare", "path": str(path), "member": member, "other": str(other), "other_member": other_member}
        for path, member, other, other_member in pairs
    ]
    return [
        answer["evidence"] if set(answer) == {"evidence"} else _refusal(answer, "comparison")
        for answer in _run(jobs, box or Box())
    ]


def compare_prompts(
    pairs: Sequence[tuple[Path, str, str, Path, str, str]], box: Box | None = None
) -> list[dict[str, int] | Refused]:
    """Return, in order, what the prompts at one (path, name, member) share with those at the other, counted."""
    fields = ("path", "name", "member", "other", "other_name", "other_member")
    jobs = [{"verb": "overlap"} | dict(zip(fields, map(str, pair), strict=True)) for pair in pairs]
    return [
        answer["shared"] if set(answer) == {"shared"} else _refusal(answer, "comparison")
        for answer in _run(jobs, box or Box())
    ]


def decode_picture(path: Path, mode: str, box: Box | None = None) -> Decoded:
    """Return the picture at `path`, PNG, JPEG, WebP or AVIF, upright, in sRGB and in the `mode` RGB, RGBA or L.

    It is encoded anew, so that nothing is left of the file but what it shows; raise Refused when it cannot be.
    """
    box = box or Box()
    # Pixels that do not compress, as base64.
    box = replace(box, output_bytes=max(box.output_bytes, box.limits.pixels * 6))
    (answer,) = _run([{"verb": "decode", "path": str(path), "mode": mode}], box)
    if set(answer) != {"container", "width", "height", "png"}:
        raise _refusal(answer, "picture")
    return Decoded(answer["container"], answer["width"], answer["height"], base64.b64decode(answer["png"]))


def _inspection(answer: dict[str, Any], name: str) -> Inspection | Refused:
    if set(answer) == {"media_type", "facts"}:
        return Inspection(answer["media_type"], answer["facts"])
    return _refusal(answer, name)


def _prints(plain: Sequence[Sequence[str]]) -> list[Print]:
    return [Print(kind, base64.b64decode(value), member) for kind, value, member in plain]


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
