"""A wire between a client and the server that a test cuts where it likes: before a message goes on, or after it has."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

#: A client may ask for encryption before it says who it is.
_ASKS_FIRST = (80877103, 80877104)


class Proxy:
    """Counts the queries that clients send; at the one that is named it cuts."""

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._target = port
        self.port = int(self._server.getsockname()[1])
        self._guard = threading.Lock()
        self._cut_at: int | None = None
        self._after = False
        self.queries = 0
        self.cuts = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def arm(self, query: int, *, after: bool) -> None:
        """Cut at the query with this number from now on, counted from 1: before it is passed on, or after.

        After means that the server has it and runs it; its answer is never heard.
        """
        with self._guard:
            self.queries, self._cut_at, self._after = 0, query, after

    def disarm(self) -> None:
        with self._guard:
            self._cut_at = None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for link in (client, server):
                    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()
                threading.Thread(target=self._forth, args=(client, server), daemon=True).start()

    @staticmethod
    def _back(server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        for link in (client, server):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            # Start-up messages have no type: length, then bytes.
            code = 0
            while code in (0, *_ASKS_FIRST):
                first = self._exactly(client, 4)
                rest = self._exactly(client, struct.unpack("!I", first)[0] - 4)
                (code,) = struct.unpack("!I", rest[:4])
                server.sendall(first + rest)
            while True:
                head = self._exactly(client, 5)
                body = self._exactly(client, struct.unpack("!I", head[1:])[0] - 4)
                cut = head[:1] in (b"Q", b"P") and self._counts()
                if cut and not self._after:
                    break
                server.sendall(head + body)
                if cut:
                    # The server is let run; nothing of its answer goes back.
                    client.shutdown(socket.SHUT_RDWR)
                    with contextlib.suppress(OSError):
                        while server.recv(65536):
                            pass
                    break
        for link in (client, server):
            with contextlib.suppress(OSError):
                link.close()

    def _counts(self) -> bool:
        with self._guard:
            self.queries += 1
            if self._cut_at != self.queries:
                return False
            self._cut_at = None
            self.cuts += 1
            return True

    @staticmethod
    def _exactly(link: socket.socket, size: int) -> bytes:
        found = b""
        while len(found) < size:
            data = link.recv(size - len(found))
            if not data:
                raise EOFError
            found += data
        return found

    def close(self) -> None:
        self._server.close()


@contextlib.contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    found = Proxy(port)
    try:
        yield found
    finally:
        found.close()
