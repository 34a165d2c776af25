"""Under which address people reach the market: a passkey is made for one site and proves nothing to another.

It is what the operator configured, never what a request says of itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from watchkeeper.base import settings
from watchkeeper.base.settings import SettingsWrong

#: The only name that a browser takes for this machine's own; it takes no number for a site.
_LOCALHOST = "localhost"
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Site:
    """The name that passkeys are made for, and the page's origin that may ask for them."""

    name: str
    origin: str


#: Nothing is right here: passkeys are not offered.
NOWHERE = Site("", "")


def local(port: int) -> Site:
    """The site of a market that listens on this machine alone."""
    return Site(_LOCALHOST, f"http://{_LOCALHOST}:{port}")


def configured(data: Path, *, port: int) -> Site:
    """The site by `public_address` in `[market]` of the settings, else this machine's own; raises `SettingsWrong`."""
    table: Mapping[str, object] = settings.read(data).get("market", {})
    settings.known(table, frozenset({"public_address"}), where="[market]")
    address = settings.text(table, "public_address", default="")
    return of_address(address) if address else local(port)


def of_address(address: str) -> Site:
    """The site of an address such as https://market.example.org; raises `SettingsWrong`."""
    try:
        parts = urlsplit(address)
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise SettingsWrong("public_address is no address") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and name == _LOCALHOST):
        raise SettingsWrong("public_address begins with https://; http:// is for localhost only")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsWrong("public_address has nothing behind the name and the port")
    if not name or not name.isascii() or _is_number(name):
        raise SettingsWrong(
            "public_address has a name, not a number; a browser makes no passkey for a number"
        )
    shown = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return Site(name, f"{parts.scheme}://{name}{shown}")


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
