"""Audit our own log from its public files, as outsiders do, and say aloud what is wrong."""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings

from ledger import queries
from ledger.audit import Report, audit
from ledger.law.store import Store
from ledger.log.remote import FolderSource

LOGGER = logging.getLogger(__name__)


def state_file() -> Path:
    """Return where the monitor of our own log remembers what it saw."""
    return Path(settings.DATA_FOLDER) / "monitor" / "log.sqlite"


def monitor(*, now: datetime) -> Report | None:
    """Audit what is new in our log and log each violation as an error; None before the first checkpoint.

    Raise UnableToReadState when another process is at it.
    """
    if queries.published() is None:
        return None
    path = state_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store(path)
    try:
        report = audit(FolderSource(queries.log_folder().prefix), queries.verifier_key(), store, now=now)
    finally:
        store.close()
    if report.broken:
        LOGGER.error("The log does not hold together: %s", report.broken)
    for finding in report.findings:
        LOGGER.error("The log breaks its law: %s", finding)
    return report
