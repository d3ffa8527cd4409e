"""Stories publish the same few files again and again: each is inspected once a run, by the real sandbox."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from assets.inspectors import sandbox

_KNOWN: dict[str, dict[str, Any]] = {}
_inspect = sandbox._run


def hurry(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Lets the sandbox remember what it said about the same bytes, and passwords be hashed as nobody should."""
    monkeypatch.setattr(sandbox, "_run", _run)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def _run(jobs: list[dict[str, Any]], box: sandbox.Box) -> list[dict[str, Any]]:
    names = [_name(job) for job in jobs]
    new = [job for job, name in zip(jobs, names, strict=True) if name not in _KNOWN]
    for job, answer in zip(new, _inspect(new, box) if new else [], strict=True):
        if "failed" not in answer:
            _KNOWN[_name(job)] = answer
    return [_KNOWN.get(name, {"failed": "unknown"}) for name in names]


def _name(job: dict[str, Any]) -> str:
    rest = {name: value for name, value in job.items() if name != "path"}
    return hashlib.sha256(Path(job["path"]).read_bytes()).hexdigest() + json.dumps(rest, sort_keys=True)
