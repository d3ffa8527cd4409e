"""A provider that paints: a real HTTP server on this machine, honest unless it is told how to misbehave."""

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image, ImageOps

FORMAT = "worldloom/service-job/1"
COLORS = {"sky": "#204080", "people": "#c04020", "sea": "#208040"}


@dataclass
class Reply:
    """What is sent back; `body` is JSON unless it is bytes."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Act = Callable[["Painter", Mapping[str, Any]], Reply | None]
"""Says something else than an honest painter about a job, or None to be honest after all."""


@dataclass
class Painter:
    """Jobs by the name that the painter gives them, which is one for each key."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looks: int = 0
    """How often we say that we are still painting."""
    on_ask: Act | None = None
    on_hear: Act | None = None
    on_send: Act | None = None
    heard: dict[str, int] = field(default_factory=dict)
    endpoint: str = ""

    def begin_anew(self) -> None:
        """Forgets everything but where the painter is found."""
        vars(self).update(vars(Painter(endpoint=self.endpoint)))

    def paint(self, job: Mapping[str, Any]) -> bytes:
        """One color a layer; a style turns what is there into its negative."""
        size = (job["width"], job["height"])
        if job["input"] is None:
            picture = Image.new("RGB", size, COLORS.get(job["layer"], "#808080"))
        else:
            data = base64.b64decode(job["input"]["data"])
            assert hashlib.sha256(data).hexdigest() == job["input"]["sha256"]
            picture = ImageOps.invert(Image.open(io.BytesIO(data)).convert("RGB"))
            assert picture.size == size
        return encoded(picture)

    def told(self, name: str, state: str = "made", **more: Any) -> dict[str, Any]:
        """What we say of a job."""
        said: dict[str, Any] = {"format": FORMAT, "job": name, "state": state}
        if state == "made":
            data = self.paint(self.jobs[name])
            digest = hashlib.sha256(data).hexdigest()
            said["result"] = {"sha256": digest, "media_type": "image/png", "size_bytes": len(data)}
        return said | more

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        if method == "POST":
            job = json.loads(body)
            name = f"job-{job['key']}"
            self.asked.append(job["layer"])
            self.jobs.setdefault(name, job)
            return (self.on_ask and self.on_ask(self, job)) or self._hear(name, status=202)
        name = path.partition("/jobs/")[2].removesuffix("/result")
        if name not in self.jobs:
            return Reply(404, {"detail": "no such job"})
        if path.endswith("/result"):
            return (self.on_send and self.on_send(self, self.jobs[name])) or Reply(200, self.paint(self.jobs[name]))
        return (self.on_hear and self.on_hear(self, self.jobs[name])) or self._hear(name)

    def _hear(self, name: str, status: int = 200) -> Reply:
        self.heard[name] = self.heard.get(name, 0) + 1
        state = "made" if self.heard[name] > self.looks else "running"
        return Reply(status, self.told(name, state))


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


@contextmanager
def at_work(painter: Painter | None = None) -> Iterator[Painter]:
    """Serves a painter on a free port of this machine."""
    here = painter or Painter()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            here.requests.append((self.command, self.path, dict(self.headers.items()), body))
            reply = here.answer(self.command, self.path, body)
            content = reply.content()
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(content))} | dict(reply.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond

        def log_message(self, *said: Any) -> None:
            return

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # whoever asked has gone

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    here.endpoint = f"http://127.0.0.1:{server.server_port}/paint"
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
