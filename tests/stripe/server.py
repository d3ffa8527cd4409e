"""The fake as a server: forms to parameters, idempotency keys, faults, answers, and the oracle over all of it."""

import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

from tests.stripe import (  # noqa: F401  (they hold routes)
    accounts,
    backwards,
    billing,
    endpoints,
    own_invoices,
    payments,
    payouts,
    sessions,
    subscriptions,
)
from tests.stripe.faults import Asked, Fault, Faults
from tests.stripe.files import form_of_parts
from tests.stripe.oracle import Ill, decode, wrong
from tests.stripe.published import lacking
from tests.stripe.routes import ROUTES, Route, expanded, page
from tests.stripe.world import DAY, PLATFORM, Call, Refused, Row, World

KEYS_LIVE = DAY
CONNECTED = (stripe.Balance, stripe.BalanceTransaction, stripe.Charge, stripe.Payout)
API_ERROR = {"error": {"message": "An unknown error occurred", "type": "api_error"}}
BEFORE = {
    Fault.CONFLICT: (409, {"error": {"code": "lock_timeout", "message": "This object cannot be accessed right now "
                                     "because another API request or Stripe process is currently accessing it.",
                                     "type": "invalid_request_error"}}),
    Fault.LIMIT: (429, {"error": {"code": "rate_limit", "message": "Request rate limit exceeded.",
                                  "type": "invalid_request_error"}}),
    Fault.ERROR: (500, API_ERROR),
}  # fmt: skip


def form_of(text: str) -> Row:
    """Reads `a[b][0]=c` into dicts and lists of text, as Stripe does."""
    tree: Row = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        at, key = tree, head
        for step in rest:
            at = at.setdefault(key, {})
            key = step or str(len(at))
        at[key] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each) for name, each in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


@dataclass
class Saved:
    """What was answered to a key, or that it is still being worked on (`status` 0)."""

    print: str
    at: int
    status: int = 0
    body: Row | None = None


class FakeStripe:
    """One fake: its world, its faults, what the oracle found (`wrong`, which a test wants empty), and who asked.

    Who plays a buyer, a bank or Stripe while others ask holds `lock` meanwhile.
    """

    def __init__(self, now: int, seed: int = 1) -> None:
        self.world, self.faults = World(now, seed), Faults()
        self.wrong: list[str] = []
        self.asked: list[Asked] = []
        self.keys: dict[tuple[str, str], Saved] = {}
        self.lock = threading.RLock()
        self.gates: list[tuple[Callable[[Asked], bool], threading.Event, threading.Event]] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["FakeStripe"]:
        """Serves on a free port of 127.0.0.1 while it is open."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def client(self, account: str | None = None) -> stripe.StripeClient:
        """Gives stripe-python's client against this fake, which tries once and tells nobody about it."""
        return stripe.StripeClient(
            "sk_test_fake", base_addresses={"api": self.url, "files": self.url}, max_network_retries=0,
            stripe_account=account, http_client=stripe.RequestsClient(timeout=20),
        )  # fmt: skip

    def books(self) -> list[str]:
        """Says what does not add up; see World.books."""
        with self.lock:
            return self.world.books()

    def advance(self, seconds: int) -> None:
        """Moves the fake's clock."""
        with self.lock:
            self.world.advance(seconds)

    @contextmanager
    def held_up(self, predicate: Callable[[Asked], bool]) -> Iterator[threading.Event]:
        """Holds up requests after they took their key; the event is set when one waits. They go on afterwards."""
        waits, go = threading.Event(), threading.Event()
        self.gates.append((predicate, waits, go))
        try:
            yield waits
        finally:
            self.gates.remove((predicate, waits, go))
            go.set()

    # -- one request -------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, body: str, headers: Any) -> tuple[int, Row, dict[str, str]] | Fault:
        """Answers one request (status, body, headers), or says how the connection ends without an answer."""
        parts = urlsplit(target)
        key = headers.get("Idempotency-Key") if method == "POST" else None
        account = headers.get("Stripe-Account") or PLATFORM
        with self.lock:
            asked = Asked(len(self.asked) + 1, method, parts.path, key)
            self.asked.append(asked)
            fault = self.faults.of(asked)
            extra = {"Request-Id": f"req_{asked.number:08d}", "Stripe-Version": stripe.api_version}
            if fault is Fault.DROP_REQUEST:
                return fault
            if fault in BEFORE:
                return *BEFORE[fault], extra
            if fault is Fault.DELAY:
                self.world.advance(self.faults.delay)
            form = body if method == "POST" else parts.query
            print_ = hashlib.sha256(f"{method} {parts.path} {sorted(parse_qsl(form))}".encode()).hexdigest()
            if key is not None and (early := self._replayed(account, key, print_)):
                return early[0], early[1], extra | early[2]
        self._wait(asked)
        with self.lock:
            self.world.request = {"id": extra["Request-Id"], "idempotency_key": key}
            status, answer, saved = self._done(method, parts.path, form, account)
            self.world.request = {"id": None, "idempotency_key": None}
            if fault is Fault.ERROR_SAVED:
                status, answer = 500, API_ERROR
            if key is not None:
                if saved:
                    self.keys[account, key] = Saved(print_, self.world.now, status, answer)
                else:
                    del self.keys[account, key]
            self.wrong += [f"{method} {parts.path}: {text}" for text in self.world.books(anew=False)]
        return fault if fault in (Fault.DROP_RESPONSE, Fault.RESET) else (status, answer, extra)

    def _replayed(self, account: str, key: str, print_: str) -> tuple[int, Row, dict[str, str]] | None:
        saved = self.keys.get((account, key))
        if saved is None or self.world.now - saved.at >= KEYS_LIVE:
            self.keys[account, key] = Saved(print_, self.world.now)
            return None
        if saved.print != print_:
            text = "Keys for idempotent requests can only be used with the same parameters they were first used with. "\
                f"Try using a key other than '{key}' if you meant to execute a different request."  # fmt: skip
            return 400, Refused(text, kind="idempotency_error").body(), {}
        if not saved.status or saved.body is None:
            text = f"There is currently another in-progress request using this Idempotent Key (key: {key})."
            return 409, Refused(text, "idempotency_key_in_use").body(), {}
        return saved.status, saved.body, {"Idempotent-Replayed": "true"}

    def _wait(self, asked: Asked) -> None:
        for predicate, waits, go in list(self.gates):
            if predicate(asked):
                waits.set()
                go.wait(20)

    def _done(self, method: str, path: str, form: str, account: str) -> tuple[int, Row, bool]:
        """Gives status, body, and whether an idempotency key keeps them."""
        route, ids = _route(method, path)
        if route is None:
            self.wrong.append(f"{method} {path}: the fake does not serve this")
            return 404, Refused(f"Unrecognized request URL ({method}: {path}).", status=404).body(), False
        try:
            params = decode(form_of(form), route.params)
        except Ill as error:
            self.wrong.append(f"{method} {path}: {error}")
            name, _, text = str(error).partition(": ")
            unknown = text == "unknown parameter"
            words = f"Received unknown parameter: {name}" if unknown else f"Invalid or missing {name}: {text}"
            code = "parameter_unknown" if unknown else "parameter_missing" if text == "missing" else None
            return 400, Refused(words, code, param=name).body(), False
        if idle := params.keys() - route.acts_on:
            self.wrong.append(f"{method} {path}: the fake does nothing about {', '.join(sorted(idle))}")
        if account != PLATFORM and route.kind not in CONNECTED:
            self.wrong.append(f"{method} {path}: the fake has this for the platform only, not for {account}")
        try:
            accounts.may_act(self.world, account)
            answer = self._made(route, Call(params, ids, account, self.world.request), path)
        except Refused as refused:
            return refused.status, refused.body(), True
        except Exception as error:
            self.wrong.append(f"{method} {path}: the fake is broken: {error!r}")
            return 500, API_ERROR, True
        return 200, answer, True

    def _made(self, route: Route, call: Call, path: str) -> Row:
        expand = call.params.get("expand", [])
        answer = route.handler(self.world, call)
        if route.listed:
            answer = expanded(self.world, page(answer, call.params, path), expand)
            found = [text for row in answer["data"] for text in wrong(row, route.kind, path=row["object"])]
        else:
            answer = expanded(self.world, answer, expand)
            found = [] if answer.get("deleted") else wrong(answer, route.kind, path=answer["object"])
        self.wrong += [f"{path}: {text}" for text in found + lacking(answer)]
        return answer


def _route(method: str, path: str) -> tuple[Route | None, tuple[str, ...]]:
    for route in ROUTES:
        if route.method == method and (found := route.path.match(path)):
            return route, found.groups()
    return None, ()


def _handler(fake: FakeStripe) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type") or ""
            parts = kind.startswith("multipart/form-data")
            body = form_of_parts(fake.world, kind, raw) if parts else raw.decode()
            answer = fake.answer(self.command, self.path, body, self.headers)
            if isinstance(answer, Fault):
                self._cut(answer)
                return
            status, said, headers = answer
            raw = json.dumps(said, indent=1).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _serve

        def _cut(self, fault: Fault) -> None:
            self.close_connection = True
            if fault is Fault.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
