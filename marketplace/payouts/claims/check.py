"""`python -m marketplace.payouts.claims.check LIST [ACCOUNT]`: check the public list of a payout root, offline.

Builds the tree of the list again and compares its root, and with an account prints its line and its proof. The exit
code is 0 when all is right, 1 when the list is not that of its root, 2 when it does not name the account.
"""

import sys
from hashlib import sha256
from pathlib import Path

from marketplace.payouts.claims.document import UnableToReadList, read_list


def main(words: list[str]) -> int:
    """Print what a list says and whether it is right; return the exit code."""
    write = sys.stdout.write
    if len(words) not in (1, 2):
        write(f"{__doc__.splitlines()[0]}\n")
        return 2
    content = Path(words[0]).read_bytes()
    try:
        found = read_list(content)
    except UnableToReadList as fault:
        write(f"{fault}\n")
        return 1
    write(f"list    sha256 {sha256(content).hexdigest()}\nroot    0x{found.root.hex()} (number {found.number})\n")
    write(f"total   {found.total_units} units to {len(found.given)} accounts\n")
    if len(words) == 1:
        return 0
    line = found.line(bytes.fromhex(words[1].lower().removeprefix("0x")))
    if line is None:
        write(f"{words[1]} is not in this list\n")
        return 2
    write(f"account {words[1]} was given {line.units} units in all (leaf {line.index})\n")
    write(
        "proof   " + ("\n        ".join(f"0x{node.hex()}" for node in line.proof) or "none: it is the only one") + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
