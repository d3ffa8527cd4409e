"""How stripe-python reaches the provider: over connections that stay open, and that all threads of a process share."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe
import urllib3

OPEN_AT_MOST = 16


class Connections(stripe.HTTPClient):
    """The transport of the provider's client: one request and one answer, never repeated and never led elsewhere.

    A proxy counts as the environment has it when a host is reached first (`HTTPS_PROXY`, `NO_PROXY`). The library's own
    transport looks through the environment for each request, which costs a seventh of a call, and lets a `.netrc` put
    another name and password in the place of our key.
    """

    name = "urllib3"

    def __init__(self, *, timeout_seconds: int) -> None:
        super().__init__(verify_ssl_certs=True)
        self._timeout = urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)
        self._process, self._pools = os.getpid(), dict[str, urllib3.PoolManager]()

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; return the answer's body, status and headers. Raises stripe.APIConnectionError."""
        try:
            answer = self._pool(url).request(
                method.upper(), url, body=post_data, headers=headers, timeout=self._timeout, retries=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise stripe.APIConnectionError(f"{type(error).__name__}: {error}", should_retry=False) from error
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()

    def _pool(self, url: str) -> urllib3.PoolManager:
        if self._process != os.getpid():  # a child would read what its parent was answered
            self._process, self._pools = os.getpid(), {}
        host = urlsplit(url).netloc
        if host not in self._pools:
            self._pools[host] = _opened(url)
        return self._pools[host]


def _opened(url: str) -> urllib3.PoolManager:
    parts = urlsplit(url)
    given: dict[str, Any] = {"maxsize": OPEN_AT_MOST, "cert_reqs": "CERT_REQUIRED", "ca_certs": stripe.ca_bundle_path}
    proxy = getproxies().get(parts.scheme)
    if proxy is None or proxy_bypass(parts.hostname or ""):
        return urllib3.PoolManager(**given)
    named = urlsplit(proxy)
    known = ":".join(unquote(one or "") for one in (named.username, named.password))
    headers = urllib3.make_headers(proxy_basic_auth=known) if named.username else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **given)
