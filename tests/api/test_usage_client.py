"""The client in docs/formats/usage.md works as it stands there."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import connection
from django.utils import timezone

from marketplace.compositions.usage import queries
from marketplace.compositions.uses import UsageEvent
from tests.api.studios import Market, key_of
from tests.compositions.usage.rendering import granted, locked, metered

TEXT = (Path(__file__).resolve().parents[2] / "docs/formats/usage.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def guards() -> Iterator[None]:
    """Ends the connection whose guards were switched off, after the facts are swept away."""
    yield
    connection.close()


@pytest.mark.usefixtures("committed")
def test_the_client_of_the_page_registers_its_key_and_sends_uses(
    market: Market, live_server: Any, tmp_path: Path
) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    studio, carol = market.cast.studio, market.cast.carol
    lock = locked(studio, carol, granted(metered(market.world), studio, now=timezone.now()))
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "farm.pem").write_bytes(pem)
    (tmp_path / "client.py").write_text(script)
    (tmp_path / "made.png").write_bytes(b"a picture")
    told = {"WORLDLOOM": live_server.url, "WORLDLOOM_KEY": key_of(studio, carol).secret, "STUDIO": str(studio.pk)}
    command = [sys.executable, "client.py", lock.digest, "made.png", "made.png"]

    results = [
        subprocess.run(command, cwd=tmp_path, env=os.environ | told, capture_output=True, timeout=60, check=False)
        for _time in range(2)
    ]

    assert [result.returncode for result in results] == [0, 0], results[-1].stderr
    assert [json.loads(result.stdout)["counted"] for result in results] == [1, 1]
    events = UsageEvent.objects.order_by("id")
    assert [event.counts for event in events] == [{"image": 2}] * 2
    assert queries.outputs_of(events[0]) == [hashlib.sha256(b"a picture").hexdigest()] * 2
