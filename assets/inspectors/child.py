"""The process that reads strangers' bytes: started by sandbox.py, limited by itself, saying only its answers.

Standard input holds one line of JSON, the request, and stays open: when it closes, the parent is gone and so
is this process. Standard output gets one line of JSON a job. Nothing is read but the files named, nothing is
written.
"""

import base64
import json
import os
import resource
import sys
import threading
from dataclasses import asdict
from functools import lru_cache
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
    _limit(request)
    limits = Limits(**request["limits"])
    for job in request["jobs"]:
        answer = json.dumps(_answer(job, limits), ensure_ascii=True)
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    os._exit(0)


def _answer(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Return {"media_type", "facts"}, {"preview": base64}, {"findings"} or, for any other end, {"failed"}."""
    try:
        if job["verb"] == "preview":
            return {"preview": _preview(Path(job["path"]), job["width"], limits)}
        inspection = inspect_file(Path(job["path"]), job["name"], limits)
        return {"media_type": inspection.media_type, "facts": inspection.facts}
    except Refused as refusal:
        return {"findings": [asdict(finding) for finding in refusal.findings]}
    except BaseException as error:  # Whatever else happens, the file has not passed.
        return {"failed": type(error).__name__}


def _preview(path: Path, width: int, limits: Limits) -> str:
    from assets.inspectors.pictures import copy_of

    return base64.b64encode(copy_of(_decoded(path, limits), width)).decode("ascii")


@lru_cache(maxsize=1)
def _decoded(path: Path, limits: Limits) -> Any:
    """Return the picture; the jobs for its widths come one after the other, and decoding costs the most."""
    from assets.inspectors.pictures import decode

    with path.open("rb") as file:
        return decode(file, limits=limits)


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
