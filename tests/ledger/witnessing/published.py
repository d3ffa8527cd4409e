"""What tests of witnessed logs ask."""

from ledger import queries
from ledger.log.checkpoint import open_checkpoint


def out() -> str:
    """Return the published checkpoint, empty before the first."""
    return (queries.log_folder().read("checkpoint") or b"").decode()


def size_of(note: str) -> int:
    return open_checkpoint(note, queries.verifier_key()).size
