"""The sockets that the servers are given."""

from __future__ import annotations

import socket

from watchkeeper.bootstrap import addresses


def test_an_answer_does_not_wait_for_the_receipt_of_its_head() -> None:
    with addresses.listen(0, exactly=True) as server, socket.create_connection(server.getsockname()):
        connection, _ = server.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
