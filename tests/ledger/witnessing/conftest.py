"""Witnesses that listen on this machine, and policies that name them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger import queries
from ledger.log.cosignature import CosignerKey
from ledger.witnessing import gathering
from ledger.witnessing.remembering import Witness
from ledger.witnessing.serving import WitnessServer
from tests.ledger import makers


@dataclass
class Listening:
    """A witness over HTTP on 127.0.0.1. `stop` and `start` keep its port and its memory."""

    witness: Witness
    port: int = 0
    server: WitnessServer | None = None

    def start(self) -> "Listening":
        self.server = WitnessServer(("127.0.0.1", self.port), self.witness)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def key(self) -> CosignerKey:
        return self.witness.keys[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def line(self) -> str:
        """Its line in a policy; its name there is the last part of its own."""
        return f"witness {self.witness.name.rpartition('/')[2]} {self.key} {self.url}\n"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Callable[..., Listening]]:
    """Starts a witness; unless told otherwise it knows our log."""
    started: list[Listening] = []

    def start(name: str, *, clock: float = makers.NOW.timestamp(), knows: bool = True) -> Listening:
        Witness.init(tmp_path / name, f"witness.example/{name}")
        one = Witness(tmp_path / name, clock=lambda: clock)
        if knows:
            one.add_log(str(queries.verifier_key()))
        started.append(Listening(one).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def policy(tmp_path: Path, settings: Any) -> Callable[[str], Path]:
    """Writes the policy file that settings then name."""

    def write(text: str) -> Path:
        path = tmp_path / "policy"
        path.write_text(text)
        settings.WITNESS_POLICY = str(path)
        return path

    return write


@pytest.fixture(autouse=True)
def _as_if_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_checked", {})
    monkeypatch.setattr(gathering, "_complained", {})
    monkeypatch.setattr(gathering, "GRACE_SECONDS", 0.3)
