"""A JSON-RPC client that trusts nothing: every way in which an endpoint can fail is one of two exceptions."""

import time
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

import orjson

from ledger.chain.base import ChainUnavailable

MAX_ANSWER_BYTES = 32_000_000


class RpcRefusal(Exception):
    """The endpoint understood and answered with an error object; `data` is what a contract reverted with."""

    code = "rpc-refusal"

    def __init__(self, number: int, message: str, data: bytes | None) -> None:
        super().__init__(number, message)
        self.number = number
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} ({self.number})"


class JsonRpc:
    """One endpoint over HTTP or HTTPS."""

    def __init__(self, url: str, *, timeout_seconds: float = 15) -> None:
        """Name the endpoint; nothing is sent yet. ChainUnavailable when the URL is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ChainUnavailable("the endpoint's URL does not begin with http:// or https:// and a host")
        self._url = url
        # URLs of hosted endpoints carry an API key in their path; only the host may reach a log.
        self.place = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        self._timeout_seconds = timeout_seconds
        self._opener = _opener(parts.hostname)
        self._sent = 0

    def call(self, method: str, *params: Any) -> Any:
        """Return the method's result; raise RpcRefusal for an error answer, ChainUnavailable for anything else."""
        self._sent += 1
        request = {"jsonrpc": "2.0", "id": self._sent, "method": method, "params": list(params)}
        answer = self._document(orjson.dumps(request), method)
        if not isinstance(answer, dict) or answer.get("id") not in (self._sent, None):
            raise self._nonsense(method, "something that is no answer to it")
        if isinstance(answer.get("error"), dict):
            raise _refusal(answer["error"])
        if "result" not in answer:
            raise self._nonsense(method, "neither a result nor an error")
        return answer["result"]

    def batch(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the results of calls, each (method, *params), asked in one request, in the order of the calls.

        An error answer is an RpcRefusal in its place. Raise ChainUnavailable for anything else.
        """
        if not calls:
            return []
        first = self._sent + 1
        self._sent += len(calls)
        requests = [
            {"jsonrpc": "2.0", "id": first + place, "method": method, "params": params}
            for place, (method, *params) in enumerate(calls)
        ]
        name = f"a batch of {len(calls)}"
        answers = self._document(orjson.dumps(requests), name)
        if isinstance(answers, dict) and isinstance(answers.get("error"), dict):
            raise ChainUnavailable(f"{self.place} refuses {name}: {_refusal(answers['error'])}")
        if not isinstance(answers, list):
            raise self._nonsense(name, "something that is no answer to it")
        # In any order, says the specification; each once, and none that nobody asked for.
        found = {one["id"]: one for one in answers if isinstance(one, dict) and type(one.get("id")) is int}
        if len(answers) != len(calls) or set(found) != set(range(first, first + len(calls))):
            raise self._nonsense(name, "other answers than were asked for")
        return [self._result(found[first + place], calls[place][0]) for place in range(len(calls))]

    def _result(self, answer: dict[str, Any], method: str) -> Any:
        if isinstance(answer.get("error"), dict):
            return _refusal(answer["error"])
        if "result" not in answer:
            raise self._nonsense(method, "neither a result nor an error")
        return answer["result"]

    def number(self, method: str, *params: Any) -> int:
        """Return a result that is a number, written as 0x and hexadecimal digits."""
        return self.as_number(self.call(method, *params), method)

    def data(self, method: str, *params: Any) -> bytes:
        """Return a result that is bytes, written as 0x and hexadecimal digits."""
        return self.as_bytes(self.call(method, *params), method)

    def as_number(self, value: Any, name: str) -> int:
        """Read a number out of an answer."""
        try:
            if not value.startswith("0x"):
                raise ValueError
            return int(value, 16)
        except (AttributeError, ValueError):
            raise self._nonsense(name, "something that is no number") from None

    def as_bytes(self, value: Any, name: str) -> bytes:
        """Read bytes out of an answer."""
        try:
            if not value.startswith("0x"):
                raise ValueError
            return bytes.fromhex(value[2:])
        except (AttributeError, ValueError):
            raise self._nonsense(name, "something that is no hexadecimal data") from None

    def as_object(self, value: Any, name: str) -> dict[str, Any]:
        """Read an object out of an answer."""
        if not isinstance(value, dict):
            raise self._nonsense(name, "something that is no object")
        return value

    def _document(self, body: bytes, method: str) -> Any:
        request = Request(self._url, body, {"Content-Type": "application/json", "User-Agent": "worldloom"})
        try:
            try:
                with self._opener.open(request, timeout=self._timeout_seconds) as response:
                    content = self._read(response)
            except HTTPError as error:
                # Several providers put JSON-RPC errors under 400 or 500; the body decides, where there is one.
                content = self._read(error)
                if not _is_error_answer(content):
                    raise ChainUnavailable(f"{self.place} answered {method} with HTTP {error.code}") from error
        except (URLError, HTTPException, OSError) as fault:
            reason = getattr(fault, "reason", None) or fault
            raise ChainUnavailable(f"{self.place} cannot be reached: {reason}") from fault
        try:
            # Not the standard library's: with py-evm's recursion limit a few thousand brackets end the process.
            return orjson.loads(content)
        except ValueError as wrong:
            raise self._nonsense(method, "something that is not JSON") from wrong

    def _read(self, response: Any) -> bytes:
        """Read the whole body within the timeout, however slowly its pieces come."""
        deadline = time.monotonic() + self._timeout_seconds
        content = bytearray()
        while piece := response.read1(65536):
            content += piece
            if len(content) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                raise TimeoutError("the answer is too long or too slow")
        return bytes(content)

    def _nonsense(self, name: str, what: str) -> ChainUnavailable:
        return ChainUnavailable(f"{self.place} answered {name} with {what}")


def _opener(host: str) -> OpenerDirector:
    # A proxy for the world is no way to our own machine.
    local = host in ("127.0.0.1", "localhost", "::1")
    return build_opener(ProxyHandler({})) if local else build_opener()


def _is_error_answer(content: bytes) -> bool:
    try:
        return isinstance(orjson.loads(content).get("error"), dict)
    except (ValueError, AttributeError):
        return False


def _refusal(error: dict[str, Any]) -> RpcRefusal:
    number = error.get("code")
    data = error.get("data")
    # geth and anvil give a string; others wrap it in an object, once or twice.
    for _ in range(3):
        if isinstance(data, dict):
            data = data.get("data", data.get("result"))
    try:
        reverted = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else None
    except ValueError:
        reverted = None
    return RpcRefusal(number if isinstance(number, int) else 0, str(error.get("message", ""))[:300], reverted)
