"""The office: notices, what is looked at, and somebody who comes and goes."""

from __future__ import annotations

from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.bootstrap.demo.floor import Floor, Row
from watchkeeper.bootstrap.demo.people import Guest, enrolled, password

#: So much is done with a guest's account before it is closed.
_ACTS_MIN = 5
_NOTICES = (
    "The store opens at six tomorrow.",
    "Please bring dry sacks; rain is expected in the afternoon.",
    "The road by the bridge is closed, come round by the school.",
)
_LOOKS = (
    ("traders", "/v1/wallet?limit=5"),
    ("traders", "/v1/exposure"),
    ("traders", "/v1/inventory?limit=20"),
    ("farmers", "/v1/earnings?limit=5"),
    ("buyers", "/v1/blocks"),
)
_WINDOW = "/v1/purchase-window"
_BOARDS = ("/v1/red-flags", "/v1/actions?limit=20", "/v1/deliveries?limit=20", "/v1/rate-limit-hits")


def look(floor: Floor) -> bool:
    """Somebody looks at what is theirs."""
    who, path = floor.draw.choice(_LOOKS)
    people: list[Person] = getattr(floor.people, who)
    person = floor.found(people)
    if person is None:
        return False
    person.get(path)
    return True


def look_at_boards(floor: Floor) -> bool:
    """The admin looks at the boards, and follows one act to its ends."""
    floor.people.admin.get(floor.draw.choice(_BOARDS))
    newest = floor.some(floor.people.admin, "/v1/actions?limit=1", "actions")
    for act in newest:
        floor.people.admin.get(f"/v1/trace/{act['utid']}")
    return True


def release(floor: Floor, switch: str) -> bool:
    """The admin lets go of a switch, if the admin is who holds it."""
    holds = floor.people.admin.get(switch)["holds"]
    if not isinstance(holds, list) or "admin" not in holds:
        return False
    floor.people.admin.post(switch, {"engaged": False, "reason": "the market opens for the day"})
    return True


def open_window(floor: Floor) -> bool:
    """Buyers may buy again."""
    return release(floor, _WINDOW)


def close_window(floor: Floor) -> bool:
    """Nobody buys for a while."""
    if floor.people.admin.get(_WINDOW)["engaged"]:
        return False
    floor.people.admin.post(_WINDOW, {"engaged": True, "reason": "the scales are being checked"})
    return True


def send_notice(floor: Floor) -> bool:
    """The admin tells everybody something."""
    body = {"kind": "admin_broadcast", "text": floor.draw.choice(_NOTICES)}
    floor.people.admin.post("/v1/notices", body | {"reason": "everybody should know before they set out"})
    return True


def read_notice(floor: Floor) -> bool:
    """Somebody reads what was said."""
    who = floor.draw.choice([*floor.people.farmers, *floor.people.traders, *floor.people.buyers])
    unread = [row for row in floor.some(who, "/v1/notices?limit=5", "notices") if row["read_at"] is None]
    if not unread:
        return False
    who.post(f"/v1/notices/{unread[0]['id']}/read", {})
    return True


def invite(floor: Floor) -> bool:
    """Somebody new comes, as a buyer."""
    if floor.people.guest is not None:
        return False
    answer = floor.people.admin.post(
        "/v1/users", {"role": "buyer", "reason": "wants to see how the market works"}
    )
    base = floor.people.admin.base
    person, _ = enrolled(
        base, str(answer["enrolment"]), "Guest of the day", floor.draw, floor.run, clock=floor.clock
    )
    floor.people.guest = Guest(person)
    floor.keep()
    return True


def change_role(floor: Floor) -> bool:
    """The guest sells instead of buying, or the other way round."""
    account = _guest(floor, "active")
    if account is None:
        return False
    other = "farmer" if account["role"] == "buyer" else "buyer"
    return _done(floor, "role", "would rather do this than that", role=other)


def suspend(floor: Floor) -> bool:
    """The guest has to wait."""
    return _guest(floor, "active") is not None and _done(floor, "suspension", "has not shown the papers yet")


def unsuspend(floor: Floor) -> bool:
    """The guest may go on."""
    return _guest(floor, "suspended") is not None and _done(
        floor, "unsuspension", "the papers have been shown"
    )


def end_sessions(floor: Floor) -> bool:
    """The guest lost a phone."""
    return _guest(floor, "active") is not None and _done(
        floor, "sessions/ending", "lost the phone on the way here"
    )


def reset_password(floor: Floor) -> bool:
    """The guest forgot the password and gets a code for another."""
    guest = floor.people.guest
    if guest is None or _guest(floor, "active") is None:
        return False
    path = f"/v1/users/{guest.person.alias}/reset"
    answer = floor.people.admin.post(path, {"reason": "has forgotten the password again"})
    guest.person.reset_password(code=str(answer["code"]), password=password())
    guest.acts += 1
    floor.keep()
    return True


def change_password(floor: Floor) -> bool:
    """The guest chooses another password."""
    guest = floor.people.guest
    if guest is None or _guest(floor, "active") is None:
        return False
    guest.person.sign_in()
    guest.person.change_password(password())
    guest.acts += 1
    floor.keep()
    return True


def delete(floor: Floor) -> bool:
    """The guest leaves for good, and who it was is erased."""
    guest = floor.people.guest
    if guest is None or guest.acts < _ACTS_MIN or _guest(floor, "active") is None:
        return False
    done = _done(floor, "deletion", "has seen enough and will not come back")
    guest.person.close()
    floor.people.guest = None
    floor.keep()
    return done


def _guest(floor: Floor, status: str) -> Row | None:
    """The guest's account as the market has it, if it is in this state."""
    guest = floor.people.guest
    if guest is None:
        return None
    alias = guest.person.alias
    account = floor.account(alias)
    return account if account is not None and account["status"] == status else None


def _done(floor: Floor, what: str, reason: str, **more: str) -> bool:
    guest = floor.people.guest
    if guest is None:
        raise Refused("user-not-found")
    floor.people.admin.post(f"/v1/users/{guest.person.alias}/{what}", {"reason": reason, **more})
    guest.acts += 1
    floor.keep()
    return True
