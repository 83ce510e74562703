"""One Django signal for each telemetry event, named after it in snake case.

``rindle.asset.state_change`` is ``rindle_django.signals.asset_state_change``. Receivers get
``measurements`` and ``metadata`` and are called after the outermost commit.
"""

from __future__ import annotations

import logging

from django.dispatch import Signal

from rindle_django.events import EVENTS, Event, Measurements, Metadata, subscribe

logger = logging.getLogger(__name__)

SIGNALS: dict[str, Signal] = {event.signal_name: Signal() for event in EVENTS.values()}
__all__ = sorted(SIGNALS)


def _send(event: Event, measurements: Measurements, metadata: Metadata) -> None:
    answers = SIGNALS[event.signal_name].send_robust(
        sender=Event, measurements=measurements, metadata=metadata
    )
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            logger.error("Receiver %r of %s raised", receiver, event.name, exc_info=answer)


def _anybody_there(event: Event) -> bool:
    return SIGNALS[event.signal_name].has_listeners(Event)


subscribe(_send, hears=_anybody_there)


def __getattr__(name: str) -> Signal:
    try:
        return SIGNALS[name]
    except KeyError:
        raise AttributeError(name) from None
