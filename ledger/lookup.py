"""Look a key up in a log's index: `python -m ledger.lookup KEY --log URL --key VKEY`, or offline with `--proof FILE`.

KEY is `digest:<sha256>`, `pack:<creator/pack>`, `key:<kid>`, `grant:<uuid>` and so on (docs/formats/index.md). The
answer is verified with nothing trusted but VKEY. Exit status: 0 it has entries, 1 it has none, 2 neither is proven.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ledger.index.proofs import Found, LookupProof
from ledger.index.trie import UnableToVerifyLookup
from ledger.law.findings import printable
from ledger.log.checkpoint import UnableToReadNote, UnableToVerifyNote, VerifierKey
from ledger.log.merkle import UnableToVerifyProof
from ledger.log.remote import HttpSource, UnableToFetch

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
UNPROVEN = (UnableToVerifyLookup, UnableToReadNote, UnableToVerifyNote, UnableToVerifyProof)


def verify_document(content: bytes, key: str, log_key: VerifierKey) -> Found:
    """Return what a `worldloom/index-proof/1` proves about `key`; raise one of UNPROVEN when it proves nothing."""
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise UnableToVerifyLookup("it is not JSON") from None
    return LookupProof.parse(document).verify(key, log_key)


def fetch(address: str, key: str) -> bytes:
    """Return the answer of the log at `address` about `key`; UnableToFetch when there is none."""
    content = HttpSource(address).read(f"lookup/{quote(key, safe=':/')}", ANSWER_LIMIT_BYTES)
    if content is None:
        raise UnableToFetch(address, "it answers no lookups")
    return content


def sentence(found: Found) -> str:
    """Return what was found in words."""
    under = f"root in leaf {found.committed_at} of {found.head.origin}"
    if not found.indices:
        return f"{found.key} is absent from the first {found.size} leaves, by the {under}."
    leaves = ", ".join(map(str, found.indices))
    return f"{found.key} is present: leaves {leaves}, and no other of the first {found.size}, by the {under}."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ledger.lookup", description="Look a key up in a Worldloom log, with proof.")
    parser.add_argument("about", metavar="KEY", help="what to look up, as in digest:<sha256>")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--log", metavar="URL", help="the log's address, as in https://…/log")
    where.add_argument("--proof", type=Path, metavar="FILE", help="an answer that was saved")
    parser.add_argument("--key", required=True, metavar="VKEY", help="the log's verifier key, as it is published")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of a sentence")
    options = parser.parse_args(arguments)
    try:
        log_key = VerifierKey.parse(options.key)
        content = options.proof.read_bytes() if options.proof else fetch(options.log, options.about)
        found = verify_document(content, options.about, log_key)
    except (*UNPROVEN, UnableToFetch, OSError) as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return 2
    told = {
        "key": found.key,
        "present": bool(found.indices),
        "indices": list(found.indices),
        "size": found.size,
        "committed_at": found.committed_at,
        "log_size": found.head.size,
    }
    sys.stdout.write((json.dumps(told) if options.json else printable(sentence(found))) + "\n")
    return 0 if found.indices else 1


if __name__ == "__main__":
    sys.exit(main())
