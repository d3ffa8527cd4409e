"""Strangers' servers: only public ones, only as checked, only for so long, only so much."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from marketplace.compositions.services import addresses
from marketplace.compositions.services.addresses import addresses_of, is_public, networks
from marketplace.compositions.services.base import Request
from marketplace.compositions.services.faults import ServiceFault
from marketplace.compositions.services.http import HttpClient

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1"),
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def named(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Lets every name lead to some addresses; gives what was looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", look_up)
    return asked


def test_a_name_that_leads_home_is_refused_even_if_it_leads_abroad_too(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "1.1.1.1", "10.0.0.8")
    with pytest.raises(ServiceFault) as told:
        addresses_of("paint.example", 443, [])
    assert (told.value.code, told.value.reason, told.value.lasts) == ("service-private", "paint.example", True)
    assert addresses_of("paint.example", 443, networks(["10.0.0.0/8"])) == ["1.1.1.1", "10.0.0.8"]
    named(monkeypatch, "::ffff:10.0.0.8")
    assert addresses_of("paint.example", 443, networks(["10.0.0.0/8"])) == ["::ffff:10.0.0.8"]
    named(monkeypatch, "fe80::1%eth0")
    with pytest.raises(ServiceFault, match="service-private"):
        addresses_of("paint.example", 443, [])


def test_a_name_that_leads_nowhere_may_lead_somewhere_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*said: Any, **more: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", fail)
    with pytest.raises(ServiceFault) as told:
        addresses_of("paint.example", 443, [])
    assert (told.value.code, told.value.lasts) == ("service-gone", False)
    assert "Name or service not known" in told.value.reason


Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def listening(serve: Serve, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that does with each connection what it likes; gives its port."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)

    def run() -> None:
        while not over.is_set():
            try:
                plain, _address = listener.accept()
            except TimeoutError:
                continue
            try:
                plain.settimeout(5)
                with context.wrap_socket(plain, server_side=True) if context else plain as connection:
                    serve(connection, over)
            except OSError:
                continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join(10)
        listener.close()


def answers(data: bytes) -> Serve:
    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(data)

    return serve


def drips(data: bytes) -> Serve:
    """Sends a byte now and then, for ever."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(data)
        while not over.wait(0.05):
            connection.sendall(b"a")

    return serve


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def asked(
    port: int, *, seconds: int = 10, limit_bytes: int = 100, host: str = "127.0.0.1", scheme: str = "http"
) -> Any:
    return Request("GET", f"{scheme}://{host}:{port}/jobs", seconds, limit_bytes, {"X-Asked": "yes"})


@pytest.fixture(autouse=True)
def _here(settings: Any) -> None:
    settings.SERVICE_PRIVATE = ["127.0.0.1"]


def test_an_answer_is_read_whole() -> None:
    data = b"HTTP/1.1 201 Made\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nhello"
    with listening(answers(data)) as port:
        answer = HttpClient().send(asked(port))
    assert (answer.status, answer.headers["retry-after"], answer.body) == (201, "7", b"hello")


@pytest.mark.parametrize(
    ("serve", "code", "lasts"),
    [
        (silent, "service-slow", False),
        (drips(b"HTTP/1.1 200 OK\r\nX-Slow: "), "service-slow", False),
        (drips(b""), "service-slow", False),
        (drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), "service-slow", False),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"a" * 101), "too-large", True),
        (
            answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"8\r\naaaaaaaa\r\n" * 40),
            "too-large",
            True,
        ),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "service-gone", False),
        (answers(b""), "service-gone", False),
        (answers(b"SSH-2.0-OpenSSH_9.6\r\n"), "service-gone", False),
        (answers(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 300 + b"\r\n"), "service-gone", False),
        (answers(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"), "service-gone", False),
    ],
)
def test_an_answer_that_is_none_ends_in_time(serve: Serve, code: str, lasts: bool) -> None:
    with listening(serve) as port:
        with pytest.raises(ServiceFault) as told:
            HttpClient().send(asked(port, seconds=1))
    assert (told.value.code, told.value.lasts) == (code, lasts)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServiceFault) as told:
        HttpClient().send(asked(port))
    assert (told.value.code, "refused" in told.value.reason.lower()) == ("service-gone", True)


def test_this_machine_is_asked_only_where_that_is_allowed(settings: Any) -> None:
    settings.SERVICE_PRIVATE = []
    heard: list[bytes] = []

    def listen(connection: socket.socket, over: threading.Event) -> None:
        heard.append(connection.recv(65_536))

    with listening(listen) as port:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ServiceFault, match="service-private"):
                HttpClient().send(asked(port, host=host))
    assert heard == []


def test_a_redirect_is_an_answer_and_leads_nowhere() -> None:
    seen: list[bytes] = []

    def redirect(connection: socket.socket, over: threading.Event) -> None:
        seen.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with listening(redirect) as port:
        assert HttpClient().send(asked(port)).status == 302
    assert len(seen) == 1
    assert seen[0].startswith(b"GET /jobs HTTP/1.1\r\n")
    assert b"X-Asked: yes" in seen[0]


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for a name, and a client's that trusts it alone."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())


def test_tls_is_with_the_name_and_the_address_is_the_one_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = certified(tmp_path, "paint.example")
    looked_up = named(monkeypatch, "127.0.0.1")
    seen: list[bytes] = []

    def serve(connection: socket.socket, over: threading.Event) -> None:
        seen.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with listening(serve, server) as port:
        answer = HttpClient(client).send(asked(port, host="paint.example", scheme="https"))
        with pytest.raises(ServiceFault) as told:
            HttpClient(client).send(asked(port, host="other.example", scheme="https"))
        with pytest.raises(ServiceFault) as unknown:
            HttpClient().send(asked(port, host="paint.example", scheme="https"))
    assert answer.body == b"ok"
    assert b"Host: paint.example:%d\r\n" % port in seen[0]
    # One look-up for each request: a name that leads elsewhere a moment later leads nobody astray.
    assert looked_up == ["paint.example", "other.example", "paint.example"]
    for fault in (told.value, unknown.value):
        assert (fault.code, "certificate verify failed" in fault.reason) == ("service-gone", True)


def test_a_handshake_that_never_ends_is_ended() -> None:
    with listening(silent) as port:
        with pytest.raises(ServiceFault, match="service-slow"):
            HttpClient(ssl.create_default_context()).send(asked(port, seconds=1, scheme="https"))
