"""The decoder's side of the conversation: requests in, one outcome at a time out.

Runs in the confined process. Configures no Django and knows no database.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from rindle_django.errors import RindleError
from rindle_django.media import wire
from rindle_django.media.av.needs import cannot_look_into
from rindle_django.media.backends import available, backend_named
from rindle_django.media.confinement import allow_cpu
from rindle_django.media.rendering import Rendered, probe, render_all
from rindle_django.media.verdicts import verdict


def serve_for_ever() -> None:
    """Answer requests until the parent closes the pipe."""
    requests, answers = _pipes()
    # Libraries are loaded before the first file: if that fails, no file is to blame.
    backend_named(None)
    _answer(answers, {"ready": True})
    while (message := _next(requests)) is not None:
        for answer in _serve(message):
            _answer(answers, answer)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under new numbers: what a library prints must not look like an answer."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    return requests, answers


def _next(requests: BinaryIO) -> wire.Message | None:
    header = requests.read(wire.HEADER)
    return wire.unpack(requests.read(wire.body_length(header))) if header else None


def _answer(answers: BinaryIO, message: wire.Message) -> None:
    answers.write(wire.pack(message | {"cpu": time.process_time()}))
    answers.flush()


def _serve(message: wire.Message) -> Iterator[wire.Message]:
    if message["operation"] == "formats":
        yield {"formats": {name: sorted(each.decodes()) for name, each in available().items()}}
        return
    if message["operation"] == "describe":
        yield _describe()
        return
    if message["operation"] == "describe_media":
        yield _describe_media()
        return
    path = Path(message["path"])
    if message["operation"] == "probe_media":
        yield _look_into(message, path)
        return
    limits = wire.limits_of(message)
    try:
        yield from _work(message, path)
    except Exception as error:
        yield {"error": wire.error_message(verdict(error, path, limits))}


def _work(message: wire.Message, path: Path) -> Iterator[wire.Message]:
    limits, mime = wire.limits_of(message), message["mime"]
    allow_cpu(limits.cpu_seconds)
    backend = backend_named(message["backend"])
    if message["operation"] == "probe":
        yield {"header": asdict(probe(backend, path, mime, limits))}
        return
    for number, outcome in render_all(backend, path, mime, wire.orders_of(message), limits):
        yield {"number": number} | _outcome(outcome)
        allow_cpu(limits.cpu_seconds)


def _look_into(message: wire.Message, path: Path) -> wire.Message:
    """Libraries of sound and moving pictures are loaded by the first file that needs them."""
    limits, mime = wire.media_limits_of(message), message["mime"]
    allow_cpu(limits.cpu_seconds)
    try:
        from rindle_django.media.av import inspecting
    except ImportError as error:
        return {"error": wire.error_message(cannot_look_into(mime, str(error)))}
    try:
        return {"facts": asdict(inspecting.look_into(path, mime, limits))}
    except Exception as error:
        return {"error": wire.error_message(inspecting.verdict(error, path, limits))}


def _describe() -> wire.Message:
    """What this takes is loaded by the doctor, who seldom comes."""
    from rindle_django.media.description import describe

    return describe()


def _describe_media() -> wire.Message:
    try:
        from rindle_django.media.av import inspecting
    except ImportError as error:
        return {"missing": str(error)[:200]}
    return {"versions": inspecting.versions()}


def _outcome(outcome: Rendered | RindleError) -> wire.Message:
    if isinstance(outcome, RindleError):
        return {"error": wire.error_message(outcome)}
    return {"rendered": asdict(outcome)}
