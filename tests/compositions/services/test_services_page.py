"""docs/services.md holds: its provider paints as it stands there, and its tables name every code."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from django.utils import timezone

from ledger.attestations import keyset
from marketplace.compositions.runs import ServiceCall
from marketplace.compositions.services.faults import SENTENCES
from marketplace.compositions.services.protocol import job_document
from marketplace.compositions.services.tickets import ticket
from tests.cast import on_stage
from tests.compositions.services.gallery import THREE, gallery
from tests.compositions.services.painter import Painter, Reply, at_work

TEXT = (Path(__file__).resolve().parents[3] / "docs/services.md").read_text(encoding="utf-8")


def test_the_page_names_every_code_and_no_other() -> None:
    rows = re.findall(r"^\| (`[a-z`, -]+) \|", TEXT.partition("## For providers")[0], re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    assert told | {"abandoned", "not-asked"} == set(SENTENCES)


class Site(Painter):
    """The one file of our site that a provider reads."""

    keys = b""

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        assert path == "/.well-known/jwks.json"
        return Reply(200, self.keys)


@contextmanager
def running(folder: Path, site: str) -> Iterator[str]:
    """Starts the page's provider; gives its endpoint."""
    (script,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (folder / "provider.py").write_text(script, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}/paint"
    said = {"WORLDLOOM": site, "ENDPOINT": endpoint, "PORT": str(port)}
    process = subprocess.Popen([sys.executable, "provider.py"], cwd=folder, env=os.environ | said)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
        yield endpoint
    finally:
        process.kill()
        process.wait()


def ask(call: ServiceCall, here: str, *, age: int = 0, **wrong: Any) -> Any:
    """Asks for a layer that is there already, with a ticket of ours, or with one that says something else."""
    body = job_document(call.inputs["job"], key=call.key, deadline=0)
    said = {"endpoint": here, "method": "POST", "url": f"{here}/jobs", "body": body}
    about = {"key": call.key, "grant": call.inputs["job"]["grant"], "release": call.inputs["job"]["release"]}
    token = ticket(**(said | wrong), said=about, now=timezone.now() - timedelta(seconds=age))
    request = urllib.request.Request(f"{here}/jobs", body, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.usefixtures("db")
def test_the_provider_of_the_page_paints_once_for_each_key(tmp_path: Path, settings: Any) -> None:
    settings.SERVICE_PRIVATE = ["127.0.0.0/8"]
    here = Site()
    with at_work(here) as site:
        settings.SITE_URL = site.endpoint.removesuffix("/paint")
        with running(tmp_path, settings.SITE_URL) as endpoint:
            scene = gallery(on_stage(), tmp_path, Painter(endpoint=endpoint), apart=False)
            scene.license()
            here.keys = rfc8785.dumps(keyset.key_set())
            lock = scene.lock(THREE)
            scene.now = timezone.now()  # the provider has a clock of its own
            run = scene.start(lock)

            outcome = scene.finish(run, most=2_000)

            assert (outcome.outcome, outcome.code, outcome.reason) == ("made", "", "")
            first = ServiceCall.objects.select_related("job").get(run=run, position=0)
            told = [ask(first, endpoint) for _time in range(2)]
            assert told[0] == told[1]
            assert (told[0]["job"], told[0]["state"]) == (first.job.reference, "made")
            assert told[0]["result"]["sha256"] == first.outcome.blob_id
            for wrong in ({"method": "GET"}, {"endpoint": "http://127.0.0.1:1/paint"}, {"body": b"{}"}, {"age": 600}):
                with pytest.raises(urllib.error.HTTPError, match="401"):
                    ask(first, endpoint, **wrong)
