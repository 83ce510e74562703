"""What can be seen of the decoder: its libraries, what confines it, and what it would open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rindle_django.errors import TransientFailure
from rindle_django.media import sandbox, wire
from rindle_django.media.decoder import Died
from rindle_django.media.limits import Limits


@dataclass(frozen=True)
class DecoderState:
    """What a running decoder says of itself. ``versions`` by backend, the preferred one first;
    ``limits`` by the name of the resource, -1 for none; ``open`` lists the backends that would
    load a type which is not on their list."""

    versions: Mapping[str, str]
    limits: Mapping[str, int]
    open: tuple[str, ...]
    has_network: bool


def inspect_decoder(limits: Limits) -> DecoderState:
    """Ask a decoder of these limits. Raises TransientFailure("decoder_unavailable")."""
    message = wire.request("describe", Path(), "", limits, backend=None)
    try:
        (answer,) = sandbox.ask(message, 1, limits)
        return _state_of(answer)
    except (Died, wire.Garbled, KeyError, TypeError, ValueError) as fault:
        raise TransientFailure("decoder_unavailable", detail=str(fault)[:200]) from fault


def _state_of(answer: Mapping[str, Any]) -> DecoderState:
    return DecoderState(
        versions={str(name)[:20]: str(text)[:40] for name, text in answer["versions"].items()},
        limits={str(name)[:20]: int(value) for name, value in answer["limits"].items()},
        open=tuple(str(name)[:20] for name in answer["open"]),
        has_network=bool(answer["has_network"]),
    )
