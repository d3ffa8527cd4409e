"""A second opinion on 3D models: the Khronos glTF validator, on machines that have Node and `build/tools`.

It runs in the parent, as the box of sandbox.py has no room for Node, on a file that our own reader has passed. It
gets the bytes on standard input and gives a list of errors; it needs no network and writes nothing. What it says
is never part of the facts, which are the same on a machine without it.
"""

import contextlib
import json
import os
import resource
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from assets.inspectors.base import Finding, Refused, shown_name
from assets.inspectors.sandbox import Box
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

HOME = Path(__file__).resolve().parents[2] / "build" / "tools" / "gltf-validator"
_MOST_ERRORS = 20
_HEAP_MEBIBYTES = 1024
_OUTPUT_BYTES = 256 * 1024
# Its word for an extension that it does not know, which is no error of the file.
_IGNORED = frozenset({"UNSUPPORTED_EXTENSION"})
_SCRIPT = """
const report = (answer) => process.stdout.write(JSON.stringify(answer) + "\\n");
const bytes = new Uint8Array(require("fs").readFileSync(0));
require(process.argv[1]).validateBytes(bytes, {format: "glb", maxIssues: 0, writeTimestamp: false}).then(
  ({issues}) => report({errors: issues.messages.filter((issue) => issue.severity === 0).slice(0, %d)
    .map(({code, pointer, message}) => [code, pointer || "", message])}),
  () => report({failed: true}));
"""


def second_opinion(path: Path, name: str, *, box: Box | None = None, home: Path = HOME) -> list[Finding]:
    """Return what the validator calls an error in the GLB at `path`, naming the file `name`.

    The list is empty where all is well, and where there is no Node or no validator below `home`. Raise Refused
    with `inspection-did-not-finish` when the validator crashed, said nothing that can be read, or took longer than
    the box allows.
    """
    node = shutil.which("node")
    if node is None or not (home / "index.js").is_file():
        return []
    answer = _answer(node, path, home / "index.js", box or Box())
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list) or not all(_is_error(error) for error in errors):
        reason = answer if isinstance(answer, Words) else Words(_("no answer"))
        template = _("the inspection did not finish (%(reason)s); try again, and save the file anew if it fails again.")
        raise Refused([Finding("inspection-did-not-finish", template, "", {"reason": reason}).in_file(name)])
    return [_finding(*error).in_file(name) for error in errors if error[0] not in _IGNORED]


def _is_error(error: Any) -> bool:
    return isinstance(error, list) and len(error) == 3 and all(isinstance(part, str) for part in error)


def _finding(code: str, pointer: str, message: str) -> Finding:
    place = shown_name(pointer) or "JSON"
    values: dict[str, str | int | Words] = {
        "place": place,
        "code": shown_name(code, 60),
        "message": shown_name(message, 200),
    }
    return Finding("gltf-validator", _("%(place)s: the glTF validator says %(code)s: %(message)s"), place, values)


def _answer(node: str, path: Path, script: Path, box: Box) -> dict[str, Any] | Words:
    """Return what the validator said, or in words why there is nothing to read."""
    with _process(node, path, script, box) as source:
        deadline = time.monotonic() + box.seconds
        said = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return Words(_("it took longer than %(seconds)s s"), {"seconds": box.seconds})
                part = os.read(source.fileno(), 65536)
                if not part:
                    return Words(_("it stopped"))
                said += part
                if len(said) > _OUTPUT_BYTES:
                    return Words(_("it said too much"))
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        return Words(_("it did not answer in JSON"))
    return answer if isinstance(answer, dict) else Words(_("it did not answer in JSON"))


@contextlib.contextmanager
def _process(node: str, path: Path, script: Path, box: Box) -> Iterator[IO[bytes]]:
    """Give the output of a validator at work with an empty environment; end it in any case."""
    with path.open("rb") as file:
        process = subprocess.Popen(
            [node, f"--max-old-space-size={_HEAP_MEBIBYTES}", "-e", _SCRIPT % _MOST_ERRORS, str(script)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        _limit(process.pid, box)
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _limit(pid: int, box: Box) -> None:
    """Take written files, core dumps and endless computing from a process, where the system can do that."""
    if not hasattr(resource, "prlimit"):
        return  # Linux alone has it; elsewhere the time of the wall clock is the limit.
    for what, most in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, 2 * box.seconds)):
        with contextlib.suppress(ProcessLookupError, ValueError):
            resource.prlimit(pid, what, (most, most))
