"""The operator's phone in the demonstration: a webhook receiver on loopback that says aloud what reaches it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_KEY_FILE = "demo-phone.secret"
_BODY_BYTES_MAX = 65_536
_OURS = "# Written by ./run --demo, and written again each time.\n"
#: A day is played in minutes, so what a day has comes within an hour and would be told as too often.
_PACE = (
    "\n# A whole day is played within minutes: by the hour, everybody is in a hurry. Roles and switches keep their pace.\n"
    "[thresholds]\nadmin_actions_per_hour = 10000\nrate_limit_hits_per_hour = 10000\nreversals_per_day = 10000\n"
    "reversal_after_lock_seconds = 0\nreversal_after_mark_seconds = 0\n"
)


class Phone:
    """Listens in a thread of its own; what is not signed with the secret is not believed."""

    def __init__(self, data: Path, *, say: Callable[[str], None]) -> None:
        self._data = data
        self._say = say
        self._secret = secrets.token_bytes(24)
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = self.headers.get("content-length", "")
                if not length.isdecimal() or int(length) > _BODY_BYTES_MAX:
                    self.send_error(413)
                    return
                taken = phone.take(
                    self.rfile.read(int(length)),
                    key=self.headers.get("webhook-id", ""),
                    stamp=self.headers.get("webhook-timestamp", ""),
                    signature=self.headers.get("webhook-signature", ""),
                )
                self.send_response(204 if taken else 401)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing; the phone speaks for itself."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def start(self) -> bool:
        """Begin to listen and put the channel into the settings; False when somebody has settings of their own."""
        settings = self._data / "settings.toml"
        if settings.exists() and not settings.read_text(encoding="utf-8").startswith(_OURS):
            return False
        secret = self._data / "keys" / _KEY_FILE
        secret.unlink(missing_ok=True)
        descriptor = os.open(secret, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"whsec_" + base64.b64encode(self._secret))
        fresh = settings.with_suffix(".toml.new")
        fresh.write_text(
            f'{_OURS}[[notifications.channel]]\nname = "phone"\nkind = "webhook"\n'
            f'url = "http://127.0.0.1:{self._server.server_port}/"\nsecret_file = "keys/{_KEY_FILE}"\n{_PACE}',
            encoding="utf-8",
        )
        fresh.replace(settings)
        threading.Thread(target=self._server.serve_forever, name="phone", daemon=True).start()
        return True

    def stop(self) -> None:
        """Hang up."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes, *, key: str, stamp: str, signature: str) -> bool:
        """Say a message aloud; False when its signature is not ours (Standard Webhooks)."""
        signed = b".".join((key.encode("utf-8"), stamp.encode("utf-8"), body))
        expected = hmac.new(self._secret, signed, hashlib.sha256).digest()
        try:
            given = base64.b64decode(signature.removeprefix("v1,"), validate=True)
        except binascii.Error:
            return False
        if not hmac.compare_digest(expected, given):
            return False
        told = json.loads(body)
        data = told["data"]
        self._say(
            f"  phone  {told['type']}: [{data['severity']}] {data['title']}, {data['scope']}: {data['detail']}"
        )
        return True
