"""Providers over HTTP: bounded in time and bytes, to the very address that was checked, never by way of a redirect."""

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from marketplace.compositions.services.addresses import addresses_of, networks
from marketplace.compositions.services.base import Answer, Request
from marketplace.compositions.services.faults import ServiceFault

_CHUNK_BYTES = 65_536


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that were looked up before; the name is only said, in Host and in TLS."""

    def __init__(
        self, host: str, port: int, addresses: list[str], seconds: int, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, timeout=seconds)
        self._addresses, self._context = addresses, context

    def connect(self) -> None:
        failure: OSError = OSError("no address")
        for address in self._addresses:
            try:
                plain = _connected(address, self.port, self.timeout)
                break
            except OSError as error:
                failure = error
        else:
            raise failure
        self.sock = plain
        if self._context is not None:
            # The handshake waits until the socket is kept, so that the watch can end it too.
            secret = self._context.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = secret
            secret.do_handshake()


def _connected(address: str, port: int, seconds: float | None) -> socket.socket:
    plain = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        plain.settimeout(seconds)
        plain.connect((address, port))
    except OSError:
        plain.close()
        raise
    return plain


class _Watch:
    """Ends a connection when its time is over, whatever it is waiting for: drops of a header count as nothing."""

    def __init__(self, connection: http.client.HTTPConnection, seconds: int) -> None:
        self._connection, self.is_over = connection, False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.is_over = True
        held: Any = self._connection.sock
        if held is not None:
            # As a plain socket: TLS would want to say goodbye first.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)

    def __enter__(self) -> "_Watch":
        self._timer.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._timer.cancel()


@dataclass(frozen=True)
class HttpClient:
    """The port over the standard library's client; `context` is whom to trust, by default whom the system trusts."""

    context: ssl.SSLContext | None = None

    def send(self, request: Request) -> Answer:
        """This will send a request as the port says."""
        parts = urlsplit(request.url)
        host, is_secret = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_secret else 80)
        addresses = addresses_of(host, port, networks(settings.SERVICE_PRIVATE))
        context = (self.context or _trusted()) if is_secret else None
        connection = _Pinned(host, port, addresses, request.seconds, context)
        with _Watch(connection, request.seconds) as watch:
            try:
                return _exchange(connection, parts.path or "/", request, watch)
            except TimeoutError:
                raise _slow(request) from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if watch.is_over:
                    raise _slow(request) from None
                raise ServiceFault("service-gone", str(error) or type(error).__name__, lasts=False) from None
            finally:
                connection.close()


def _exchange(connection: http.client.HTTPConnection, path: str, request: Request, watch: _Watch) -> Answer:
    headers = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "worldloom", **request.headers}
    connection.request(request.method, path, request.body or None, headers)
    response = connection.getresponse()
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > request.limit_bytes:
            raise ServiceFault("too-large", str(request.limit_bytes))
    if watch.is_over:
        raise _slow(request)
    if response.length:
        raise ServiceFault("service-gone", "the answer was cut short", lasts=False)
    told = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, told, bytes(body))


def _slow(request: Request) -> ServiceFault:
    return ServiceFault("service-slow", str(request.seconds), lasts=False)
