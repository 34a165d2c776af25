"""The signals: what must make the watch speak, of threats, metrics, alerts and switches."""

from watchkeeper.bootstrap.drills.signals import machine, nearing, numbers, people, room, watching
from watchkeeper.bootstrap.drills.signals.model import Signal

SIGNALS: tuple[Signal, ...] = (
    *people.SIGNALS,
    *machine.SIGNALS,
    *nearing.SIGNALS,
    *watching.SIGNALS,
    *room.SIGNALS,
    *numbers.SIGNALS,
)
