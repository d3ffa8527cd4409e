"""python -m ledger.chain.devchain --folder FOLDER [--port PORT]"""

import argparse
import sys
import time
from pathlib import Path

from ledger.chain.devchain.server import UnableToStart, run


def main(words: list[str]) -> int:
    """Serve the chain until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m ledger.chain.devchain", description=run.__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the chain, its key and its endpoint are kept")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    asked = parser.parse_args(words)
    try:
        run(asked.folder, port=asked.port, clock=lambda: int(time.time()))
    except UnableToStart as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
