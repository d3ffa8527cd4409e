"""A line to a server that can be cut: a TCP proxy whose connections break after so many bytes."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable, Iterator


class Line:
    """Forwards connections to a port; the n-th one breaks after the n-th number of bytes towards the server.

    None never breaks; once the list has run out nothing does. A broken line is reset on both sides.
    """

    def __init__(self, upstream: int, cuts: Iterable[int | None] = ()) -> None:
        self._upstream, self._cuts = upstream, iter(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.broken = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for one in list(self._open):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:  # The server is down: so is the line.
                client.close()
                continue
            self._open |= {client, server}
            cut = next(self._cuts, None)
            threading.Thread(target=self._forward, args=(client, server, cut), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, None), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if left is not None and len(data) > left:
                    target.sendall(data[:left])
                    self._break(source, target)
                    return
                target.sendall(data)
                left = None if left is None else left - len(data)
            target.shutdown(socket.SHUT_WR)

    def _break(self, *both: socket.socket) -> None:
        self.broken += 1
        for one in both:
            # No lingering: the other side gets a reset, as from a router that forgot the connection.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RD)
            one.close()


@contextlib.contextmanager
def cut_line(upstream: int, *cuts: int | None) -> Iterator[Line]:
    """A line that breaks after those numbers of bytes, one a connection."""
    line = Line(upstream, cuts)
    try:
        yield line
    finally:
        line.close()
