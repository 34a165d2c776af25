"""The channels: webhook, e-mail, and whatever apprise knows. Each sends one message and gives back a receipt.

A failure is described without the address it went to: addresses carry secrets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import apprise
import httpx

from watchkeeper.base import settings
from watchkeeper.base.clock import Clock
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.operation.notifications.message import Message

#: A channel that takes longer has failed; the next try is made later.
SEND_SECONDS_MAX = 10.0
_ANSWER_BYTES_MAX = 4096
_CHANNELS_MAX = 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SendFailed(Exception):
    """The channel did not take the message."""


class Channel(Protocol):
    """One way to reach the operator."""

    @property
    def name(self) -> str:
        """Its name in the settings."""
        ...

    def send(self, message: Message) -> str:
        """Send; the receipt. Raises `SendFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """A POST signed after Standard Webhooks: id, timestamp and body under HMAC-SHA256."""

    name: str
    url: str
    secret: str
    clock: Clock

    def send(self, message: Message) -> str:
        """Send; an answer below 300 is the receipt."""
        body = json.dumps(message.document(), separators=(",", ":")).encode("utf-8")
        stamp = str(self.clock.now() // 1_000_000)
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = b".".join((message.key.encode("ascii"), stamp.encode("ascii"), body))
        signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")
        headers = {
            "content-type": "application/json",
            "webhook-id": message.key,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }
        try:
            with httpx.stream(
                "POST",
                self.url,
                content=body,
                headers=headers,
                timeout=SEND_SECONDS_MAX,
                follow_redirects=False,
                trust_env=False,
            ) as response:
                received = 0
                for chunk in response.iter_bytes(1024):
                    received += len(chunk)
                    if received > _ANSWER_BYTES_MAX:
                        break
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SendFailed(type(error).__name__) from error
        if not 200 <= status < 300:
            raise SendFailed(f"answered {status}")
        return f"answered {status}"


@dataclass(frozen=True, slots=True)
class Email:
    """A mail through an SMTP server. `security` is none (loopback only), starttls or tls."""

    name: str
    host: str
    port: int
    sender: str
    to: str
    security: str
    username: str
    password: str

    def send(self, message: Message) -> str:
        """Send; the server's acceptance is the receipt."""
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self.sender
        mail["To"] = self.to
        mail["Message-ID"] = f"<{message.key}@watchkeeper.invalid>"
        mail.set_content(message.body)
        context = ssl.create_default_context()
        try:
            server: smtplib.SMTP
            if self.security == "tls":
                server = smtplib.SMTP_SSL(self.host, self.port, timeout=SEND_SECONDS_MAX, context=context)
            else:
                server = smtplib.SMTP(self.host, self.port, timeout=SEND_SECONDS_MAX)
            with server:
                if self.security == "starttls":
                    server.starttls(context=context)
                if self.username:
                    server.login(self.username, self.password)
                refused = server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise SendFailed(type(error).__name__) from error
        if refused:
            raise SendFailed("the server refused the recipient")
        return "accepted by the mail server"


@dataclass(frozen=True, slots=True)
class Apprise:
    """Any address that apprise understands."""

    name: str
    url: str

    def send(self, message: Message) -> str:
        """Send; apprise's word is the receipt."""
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        sender = apprise.Apprise()
        if not sender.add(self.url):
            raise SendFailed("apprise does not know this address")
        if not sender.notify(title=message.subject, body=message.body):
            raise SendFailed("apprise could not deliver it")
        return "taken by apprise"


_KEYS: Mapping[str, frozenset[str]] = {
    "webhook": frozenset({"name", "kind", "url", "secret_file"}),
    "email": frozenset(
        {"name", "kind", "host", "port", "sender", "to", "security", "username", "password_file"}
    ),
    "apprise": frozenset({"name", "kind", "url_file"}),
}


def configured(data: Path, *, clock: Clock) -> Sequence[Channel]:
    """The channels of the settings file; raises `SettingsWrong`."""
    table = settings.read(data).get("notifications", {})
    settings.known(table, frozenset({"channel"}), where="[notifications]")
    entries = table.get("channel", [])
    if not isinstance(entries, list) or len(entries) > _CHANNELS_MAX:
        raise SettingsWrong(f"[[notifications.channel]] is a list of at most {_CHANNELS_MAX} channels")
    channels = [_channel(data, entry, clock=clock) for entry in entries]
    if len({channel.name for channel in channels}) != len(channels):
        raise SettingsWrong("every channel needs a name of its own")
    return channels


def _decodes(secret: str) -> bool:
    try:
        base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        # Letters that are no base64, or none that base64 could be written in.
        return False
    return secret.startswith("whsec_")


def _safe(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme == "https" or (parsed.scheme == "http" and parsed.host in _LOOPBACK)


def _channel(data: Path, entry: object, *, clock: Clock) -> Channel:
    if not isinstance(entry, dict):
        raise SettingsWrong("a channel is a table")
    kind = settings.text(entry, "kind")
    if kind not in _KEYS:
        raise SettingsWrong(f"a channel's kind is one of {', '.join(sorted(_KEYS))}")
    settings.known(entry, _KEYS[kind], where=f"the channel of kind {kind}")
    name = settings.text(entry, "name")
    if kind == "webhook":
        secret = settings.secret(data, settings.text(entry, "secret_file"))
        url = settings.text(entry, "url")
        if not _decodes(secret):
            raise SettingsWrong("a webhook's secret begins with whsec_ and goes on in base64")
        if not _safe(url):
            raise SettingsWrong("a webhook's url begins with https://; http:// is for this machine only")
        return Webhook(name, url, secret, clock)
    if kind == "apprise":
        return Apprise(name, settings.secret(data, settings.text(entry, "url_file")))
    security = settings.text(entry, "security", default="starttls")
    host = settings.text(entry, "host")
    if security not in ("none", "starttls", "tls"):
        raise SettingsWrong("security is none, starttls or tls")
    if security == "none" and host not in _LOOPBACK:
        raise SettingsWrong("a mail server on another machine needs starttls or tls")
    password_file = settings.text(entry, "password_file", default="")
    return Email(
        name,
        host,
        settings.whole(entry, "port", default=587),
        settings.text(entry, "sender"),
        settings.text(entry, "to"),
        security,
        settings.text(entry, "username", default=""),
        settings.secret(data, password_file) if password_file else "",
    )
