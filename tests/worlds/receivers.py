"""The other ends of the channels, real ones on loopback: a mail server and a webhook receiver that checks signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class MailServer:
    """Takes every mail."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"

    def start(self) -> None:
        # aiosmtpd wants to know its port before it listens; 0 lets the system choose, and its probe must know too.
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._controller.port = probe.getsockname()[1]
        self._controller.start()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def stop(self) -> None:
        self._controller.stop()


class WebhookReceiver:
    """Takes every request whose signature is right, and notes those whose is not."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.forged = 0
        #: What is answered, for tests of a receiver that is not well.
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.take(self.headers, body)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def take(self, headers: Any, body: bytes) -> None:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(self.secret, signed, hashlib.sha256).digest()).decode()
        if headers["webhook-signature"] != f"v1,{expected}":
            self.forged += 1
        elif self.status < 300:
            self.ids.append(headers["webhook-id"])
            self.events.append(json.loads(body))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
