"""The page of the format shows a list that is right, and its digest."""

import json
import re
from hashlib import sha256
from pathlib import Path

from ledger.canonical import canonical
from marketplace.payouts.claims.document import read_list

PAGE = (Path(__file__).parents[3] / "docs/formats/payout-root.md").read_text()


def test_the_documented_list_is_right():
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    content = canonical(json.loads(shown))

    assert read_list(content).total_units == 10_800_000
    assert f"    {sha256(content).hexdigest()}\n" in PAGE
