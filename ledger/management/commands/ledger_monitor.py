"""Audit a log from its public files."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger import queries
from ledger.audit import Report, audit
from ledger.law.store import Store, UnableToReadState
from ledger.log.checkpoint import UnableToReadNote, VerifierKey
from ledger.log.remote import UnableToFetch, source_of
from ledger.monitoring import state_file
from ledger.signing.base import UnableToLoadKey

BROKEN_STATUS, UNREADABLE_STATUS = 1, 2


class Command(BaseCommand):
    help = "Audits a log from its public files: what is signed, that it only grows, and that its entries keep the law."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--log", default="", help="address or folder of the log; our own without it")
        parser.add_argument("--key", default="", help="the log's verifier key; ours without it")
        parser.add_argument("--state", type=Path, help="file that remembers what was seen; needed for another log")
        parser.add_argument("--json", action="store_true", help="print a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["log"] and not options["state"]:
            raise CommandError("Give --state too: what was seen of another log is kept apart.")
        try:
            report = _report(options["log"], options["key"], options["state"] or state_file(), timezone.now())
        except (UnableToFetch, UnableToReadState, UnableToReadNote, UnableToLoadKey) as error:
            raise CommandError(str(error), returncode=UNREADABLE_STATUS) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json()))
        else:
            self.stdout.write(str(report))
        if not report.ok:
            raise CommandError("The log breaks its law.", returncode=BROKEN_STATUS)


def _report(log: str, key: str, state: Path, now: datetime) -> Report:
    source = source_of(log or str(queries.log_folder().prefix))
    verifier_key = VerifierKey.parse(key) if key else queries.verifier_key()
    state.parent.mkdir(parents=True, exist_ok=True)
    store = Store(state)
    try:
        return audit(source, verifier_key, store, now=now)
    finally:
        store.close()
