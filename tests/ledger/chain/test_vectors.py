"""What the contracts' tests read as the books' word is what the books say now."""

import subprocess
import sys

from tests.ledger.chain.makers import HOME


def test_the_contracts_are_tested_against_what_the_books_say_now() -> None:
    words = [sys.executable, str(HOME / "contracts/tools/vectors"), "--check"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
