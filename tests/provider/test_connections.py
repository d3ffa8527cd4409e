"""The transport below the provider's client: one request and one answer, whatever the other side does."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from marketplace.provider.connections import Connections


class Server:
    """Answers as it is told, and remembers who asked for what."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.peers: set[int] = set()
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda one: say(one, 200, b'{"id": "x"}')
        self.url = ""


def say(one: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    one.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        one.send_header(name.replace("_", "-"), value)
    one.end_headers()
    one.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.heard.append((self.command, self.path, body, {n.title(): v for n, v in self.headers.items()}))
            told.peers.add(self.client_address[1])
            told.answer(self)

        do_GET = do_CONNECT = do_POST

        def log_message(self, *_words: object) -> None:
            """Says nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    told.url = f"http://127.0.0.1:{http.server_port}"
    yield told
    http.shutdown()
    http.server_close()


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections(timeout_seconds=5)
    yield made
    made.close()


def test_what_is_said_arrives_once_with_our_key(server, connections):
    body, status, headers = connections.request(
        "post", f"{server.url}/v1/transfers", {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"}, "amount=1"
    )
    assert (body, status, headers["content-length"]) == (b'{"id": "x"}', 200, "11")
    [(method, path, said, sent)] = server.heard
    assert (method, path, said, sent["Authorization"], sent["Idempotency-Key"]) == (
        "POST", "/v1/transfers", b"amount=1", "Bearer sk_test_x", "k",
    )  # fmt: skip


def test_a_redirect_is_an_answer_and_our_key_goes_nowhere_else(server, connections):
    server.answer = lambda one: say(one, 307, b"", Location=f"{server.url}/elsewhere")
    _body, status, _headers = connections.request("get", f"{server.url}/v1/balance", {"Authorization": "Bearer x"})
    assert (status, [path for _method, path, *_ in server.heard]) == (307, ["/v1/balance"])


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_no_status_is_asked_again(server, connections, status):
    server.answer = lambda one: say(one, status, b"{}", Retry_After="1")
    assert connections.request("post", f"{server.url}/v1/refunds", {}, "")[1] == status
    assert len(server.heard) == 1


def test_an_answer_that_breaks_off_is_an_error_and_is_not_asked_again(server, connections):
    def broken(one: BaseHTTPRequestHandler) -> None:
        one.send_response(200)
        one.send_header("Content-Length", "100")
        one.end_headers()
        one.wfile.write(b"half")
        one.close_connection = True

    server.answer = broken
    with pytest.raises(stripe.APIConnectionError) as error:
        connections.request("post", f"{server.url}/v1/refunds", {}, "")
    assert (error.value.should_retry, error.value.http_status, len(server.heard)) == (False, None, 1)


def test_nobody_there_is_an_error_of_the_client(connections):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(stripe.APIConnectionError, match="refused"):
            connections.request("get", f"http://127.0.0.1:{nobody.getsockname()[1]}/", {})


def test_a_connection_stays_open_and_threads_take_turns(server, connections):
    for _ in range(3):
        connections.request("get", f"{server.url}/", {})
    assert len(server.peers) == 1
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda n: connections.request("post", f"{server.url}/{n}", {}, str(n))[1], range(100)))
    assert (ends, len(server.heard), len(server.peers) <= 8) == ([200] * 100, 103, True)
    assert {(path, body) for _m, path, body, _h in server.heard[3:]} == {(f"/{n}", b"%d" % n) for n in range(100)}


def test_a_process_that_was_forked_opens_its_own(server, connections):
    connections.request("get", f"{server.url}/parent", {})
    child = os.fork()
    if not child:
        connections.request("get", f"{server.url}/child", {})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    connections.request("get", f"{server.url}/parent", {})
    assert ([path for _m, path, *_ in server.heard], len(server.peers)) == (["/parent", "/child", "/parent"], 2)


def test_a_netrc_cannot_take_the_place_of_our_key(server, connections, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login mallory password x\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    connections.request("get", f"{server.url}/", {"Authorization": "Bearer ours"})
    assert server.heard[0][3]["Authorization"] == "Bearer ours"


def test_a_proxy_of_the_environment_is_gone_through_unless_it_is_left_out(server, connections, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url.replace("://", "://alice:p%40ss@"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    connections.request("get", "http://provider.example/v1/balance", {"Authorization": "Bearer ours"})
    [(_method, path, _body, sent)] = server.heard
    assert path == "http://provider.example/v1/balance"
    assert (sent["Proxy-Authorization"], sent["Authorization"]) == ("Basic YWxpY2U6cEBzcw==", "Bearer ours")
    connections.request("get", f"{server.url}/near", {})
    assert (server.heard[1][1], "Proxy-Authorization" in server.heard[1][3]) == ("/near", False)


def test_certificates_are_asked_for_and_held_against_the_librarys_own_list(connections):
    pool = connections._pool("https://api.stripe.com/v1/balance")
    assert pool.connection_pool_kw["cert_reqs"] == "CERT_REQUIRED"
    assert pool.connection_pool_kw["ca_certs"] == stripe.ca_bundle_path
