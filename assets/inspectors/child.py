"""The process that reads strangers' bytes: started by sandbox.py, limited by itself, saying only its answers.

Standard input holds one line of JSON, the request, and stays open: when it closes, the parent is gone and so
is this process. Standard output gets one line of JSON a job. Nothing is read but the files named, nothing is
written.
"""

import base64
import io
import json
import os
import resource
import sys
import threading
from dataclasses import asdict
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

# Started by its path with -I, so that neither the environment nor the working directory can bring in code.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from assets.inspectors.base import Limits, Refused
from assets.inspectors.dispatch import inspect_file, load_inspectors


def main() -> None:
    """This will answer every job of the request in turn."""
    request = json.loads(sys.stdin.buffer.readline())
    _leave_with_parent()
    load_inspectors(job.get("name", ".webp") for job in request["jobs"])
    if any(job["verb"] in ("examine", "compare", "overlap") for job in request["jobs"]):
        import_module("assets.originality.fingerprints")
    for kind in {job["kind"] for job in request["jobs"] if job["verb"] == "preview"}:
        import_module("assets.previews.copies")
        import_module(_DRAWINGS.get(kind, "assets.inspectors.pictures.decode").rsplit(".", 1)[0])
    _limit(request)
    limits = Limits(**request["limits"])
    for job in request["jobs"]:
        answer = json.dumps(_answer(job, limits), ensure_ascii=True)
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    os._exit(0)


def _answer(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Return what the verb says, {"findings"} or, for any other end, {"failed"}."""
    try:
        return _VERBS[job["verb"]](job, limits)
    except Refused as refusal:
        return {"findings": [asdict(finding) for finding in refusal.findings]}
    except BaseException as error:  # Whatever else happens, the file has not passed.
        return {"failed": type(error).__name__}


def _inspect(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Answer {"media_type", "facts"}."""
    inspection = inspect_file(Path(job["path"]), job["name"], limits)
    return {"media_type": inspection.media_type, "facts": inspection.facts}


def _examine(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Answer what inspection finds, and "fingerprints" [[kind, base64, member], …] of what passed it."""
    from assets.originality.fingerprints import fingerprints_of

    answer, key = _inspect(job, limits), bytes.fromhex(job["key"])
    found = fingerprints_of(Path(job["path"]), job["name"], answer["facts"], key, limits)
    prints = [[one.kind, base64.b64encode(one.value).decode("ascii"), one.member] for one in found]
    return answer | {"fingerprints": prints}


def _preview(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Answer {"copies": [[media type, width, height, color field, base64], …]} of the job's width."""
    from assets.previews.copies import copies_of

    copies = copies_of(_drawn(Path(job["path"]), job["kind"], limits), job["width"])
    return {
        "copies": [
            [copy.media_type, copy.width, copy.height, copy.color_field, base64.b64encode(copy.data).decode("ascii")]
            for copy in copies
        ]
    }


def _compare(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Answer {"evidence": …}: how the weights of one file contain those of another."""
    from assets.originality.weights import evidence_of

    return {"evidence": evidence_of(Path(job["path"]), job["member"], Path(job["other"]), job["other_member"], limits)}


_DRAWN_WIDTH = 960
_DRAWINGS = {
    "weights": "assets.previews.layers.draw_layers",
    "motion": "assets.previews.skeleton.draw_skeleton",
    "model": "assets.previews.render.render_glb",
}


def _overlap(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Answer {"shared": …}: what the prompts of one file share with another's, counted."""
    from assets.originality.fingerprints import shared_of

    mine = (Path(job["path"]), job["name"], job["member"])
    return {"shared": shared_of(mine, (Path(job["other"]), job["other_name"], job["other_member"]), limits)}


def _decode(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Answer the picture in the job's mode as {"container", "width", "height", "png" in base64}."""
    from assets.inspectors.pictures import decode_as

    container, picture = decode_as(Path(job["path"]).read_bytes(), job["mode"], limits)
    file = io.BytesIO()
    picture.save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return {"container": container, "width": picture.width, "height": picture.height, "png": data}


_VERBS = {
    "decode": _decode,
    "inspect": _inspect,
    "examine": _examine,
    "preview": _preview,
    "compare": _compare,
    "overlap": _overlap,
}


@lru_cache(maxsize=1)
def _drawn(path: Path, kind: str, limits: Limits) -> Any:
    """Return a picture decoded, or drawn of what the file is; the jobs for its widths come one after the other."""
    if kind == "picture":
        from assets.inspectors.pictures import decode

        with path.open("rb") as file:
            return decode(file, limits=limits, keep_profile=True)
    module, function = _DRAWINGS[kind].rsplit(".", 1)
    return getattr(import_module(module), function)(path, _DRAWN_WIDTH, limits).convert("RGB")


def _leave_with_parent() -> None:
    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def _limit(request: dict[str, Any]) -> None:
    """This will give up, for good, more memory, more processor time, any written file and any core dump."""
    wanted = {
        resource.RLIMIT_AS: request["memory_bytes"],
        resource.RLIMIT_CPU: request["cpu_seconds"],
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for what, most in wanted.items():
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            # macOS has no limit on address space; everywhere else a limit that fails is a refusal.
            if not (what == resource.RLIMIT_AS and sys.platform == "darwin"):
                raise


if __name__ == "__main__":
    main()
