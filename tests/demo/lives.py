"""A play whose process is killed: `python -m tests.demo.lives`, run by the tests beside it.

It reads one JSON command a line, lives each in a fork of its own, and answers with one JSON line:
    {"data": FOLDER, "database": NAME, "until": "publish" | "end", "die_at": N or null}  → {"died": BOOL, "points": N}
    {"data": FOLDER, "database": NAME, "migrate": true}                                  → {}
    {"data": FOLDER, "database": NAME, "tell": true}                                     → {"state": {…}}
A point is a moment at which the world outside this process has just changed or is about to: a commit, a statement that
commits by itself, a blob, a file of the log, a transaction on the chain. Point `die_at` is the process's last.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
os.environ |= {
    "WORLDLOOM_PAYOUT_HOLD_DAYS": "0",
    "WORLDLOOM_PAYOUT_SCHEDULE": "always",
    "WORLDLOOM_SANDBOX_DISPUTE_AFTER_MINUTES": "0",
    "WORLDLOOM_CHAIN": "tests.demo.lives.SheetChain",
}

import django

django.setup()

# ruff: noqa: E402 (settings are read before anything else is imported)
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

import demo.play
from assets.storage.folder import FolderStorage
from ledger.log.tiles import LogFolder
from tests.demo.small import drawn, small_play
from tests.demo.state import state
from tests.ledger.paper import PaperChain
from tests.points import Points, answer, around

CONTRACT = "0x00000000000000000000000000000000000000aa"


class SheetChain(PaperChain):
    """A chain on one sheet of paper; the real one's own crashes are tested with it."""

    def __init__(self) -> None:
        self._sheet = Path(settings.DATA_FOLDER) / "chain.json"
        blocks = json.loads(self._sheet.read_text()) if self._sheet.exists() else []
        super().__init__(chain_id=31337, contract=CONTRACT, blocks=blocks)

    def add(self, block: dict[str, Any]) -> None:
        super().add(block)
        self._sheet.with_suffix(".new").write_text(json.dumps(self.blocks))
        self._sheet.with_suffix(".new").rename(self._sheet)


def watch(point: Points) -> Any:
    """Makes points of all that reaches the world outside; gives the context in which statements are watched."""
    around(BaseDatabaseWrapper, "_commit", point)
    around(FolderStorage, "put", point)
    around(LogFolder, "write", point)
    around(SheetChain, "add", point)

    def statement(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        alone = not connection.in_atomic_block and str(sql).lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}
        if alone:
            point()
        result = execute(sql, params, many, context)
        if alone:
            point()
        return result

    return connection.execute_wrapper(statement)


def live(command: dict[str, Any]) -> dict[str, Any]:
    """Lives one command through."""
    settings.DATA_FOLDER = Path(command["data"])
    settings.DATA_FOLDER.mkdir(parents=True, exist_ok=True)
    connection.settings_dict["NAME"] = command["database"]
    if command.get("migrate"):
        call_command("migrate", verbosity=0, interactive=False)
        return {}
    if command.get("tell"):
        return {"state": state()}
    small_play()
    point = Points(command["die_at"])
    with watch(point):
        for step in demo.play.play(drawn=drawn):
            if command["until"] == "publish" and "licenses" in step:
                break
    return {"died": False, "points": point.passed}


if __name__ == "__main__":
    answer(live)
