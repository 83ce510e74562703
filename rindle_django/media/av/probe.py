"""Looking into audio and video: the front door, in the process that asks.

Nothing is opened here. The file goes to a confined decoder, and comes back as facts or as one typed
error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from rindle_django.errors import ContentRefused, Misconfigured, TransientFailure
from rindle_django.media import sandbox, wire
from rindle_django.media.av.facts import AVKind, MediaFacts
from rindle_django.media.av.limits import MediaLimits
from rindle_django.media.av.needs import inspectable, is_media
from rindle_django.media.decoder import Died
from rindle_django.media.limits import Budget
from rindle_django.media.types import canonical

# What is larger than these is no fact, whoever says it.
_MOST, _LONGEST = 2**53, 100


def probe_media(path: Path, mime: str, limits: MediaLimits | None = None) -> MediaFacts:
    """What is in the file, by its real streams, as far as it is within ``limits``.

    A file that plays in spite of some damage passes (W3.5). Raises ContentRefused,
    Misconfigured("decoder_missing"), TransientFailure.
    """
    limits = limits or MediaLimits()
    _check_source(path, mime)
    message = wire.request("probe_media", path, canonical(mime), limits)
    answer = sandbox.ask_once(message, limits)
    try:
        if "error" in answer:
            raise wire.error_of(answer["error"])
        return _facts_of(answer.get("facts"))
    except wire.Garbled as fault:
        raise ContentRefused("decoder_killed", signal=str(fault)) from fault


def library_versions(limits: Budget) -> Mapping[str, str]:
    """PyAV's version and those of its libraries, by their names.

    Raises Misconfigured("extra_missing"), TransientFailure("decoder_unavailable").
    """
    message = wire.request("describe_media", Path(), "", limits)
    try:
        (answer,) = sandbox.ask(message, 1, limits)
    except (Died, wire.Garbled, ValueError) as fault:
        raise TransientFailure("decoder_unavailable", detail=str(fault)[:200]) from fault
    if "missing" in answer:
        raise Misconfigured(
            "extra_missing",
            feature="Looking into audio and video",
            package=f"PyAV ({str(answer['missing'])[:200]})",
            install="rindle-django[av]",
        )
    return {str(name)[:20]: str(text)[:40] for name, text in answer["versions"].items()}


def _check_source(path: Path, mime: str) -> None:
    if path.stat().st_size == 0:
        raise ContentRefused("empty_file")
    hint = inspectable(mime)
    if hint is not None and not is_media(mime):
        raise ContentRefused("media_unreadable", detail=hint)
    if hint is not None:
        raise Misconfigured("decoder_missing", mime=mime, hint=hint)


def _facts_of(message: object) -> MediaFacts:
    """The facts that a decoder reported; what cannot be one is garbled."""
    if not isinstance(message, dict) or message.get("kind") not in get_args(AVKind):
        raise wire.Garbled("facts of no known kind")
    wanted = {each.name: str(each.type) for each in fields(MediaFacts)}
    if set(message) != set(wanted):
        raise wire.Garbled("facts without their parts")
    if not all(_fits(value, wanted[name]) for name, value in message.items()):
        raise wire.Garbled("facts that cannot be")
    return MediaFacts(**message)


def _fits(value: Any, declared: str) -> bool:
    if value is None:
        return "None" in declared
    if isinstance(value, bool):
        return declared == "bool"
    if isinstance(value, str):
        return declared in ("str", "AVKind") and len(value) <= _LONGEST
    if isinstance(value, float):
        return "float" in declared and math.isfinite(value) and 0 <= value < _MOST
    return isinstance(value, int) and "int" in declared and 0 <= value < _MOST
