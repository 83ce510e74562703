"""The decoders of this process: kept warm, lent to one thread at a time, recycled.

A file that kills, hangs or bloats its decoder costs one error, never the worker (S5).
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from rindle_django.errors import ContentRefused, RindleError, TransientFailure
from rindle_django.media import wire
from rindle_django.media.decoder import Decoder, Died
from rindle_django.media.limits import Budget
from rindle_django.media.verdicts import speaks_of_memory

MAX_SERVED = 200
MAX_AGE = 300.0
MAX_IDLE = 60.0

# A hang that computed for less than this share of its time was waiting for the machine.
_BUSY_SHARE = 0.25


def prepare(limits: Budget) -> None:
    """Have a decoder at hand by the time that it is asked: if there is none, one starts meanwhile.

    It has seen no file yet, like every other that has just started.
    """
    _pool.prepare(limits.memory_bytes)


def ask(
    message: wire.Message,
    answers: int,
    limits: Budget,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[wire.Message]:
    """A decoder's answers to one request, as they come. An answer with an ``error`` but no number
    is the last. While none comes at once, ``meanwhile`` is done.

    Raises Died, Garbled, or TransientFailure("decoder_unavailable") where none can be started.
    """
    return _converse(_pool.take(limits.memory_bytes), message, answers, limits, meanwhile)


def ask_once(message: wire.Message, limits: Budget) -> wire.Message:
    """The one answer to a request about one file, which gets a second chance before it is blamed.

    Raises ContentRefused for a file that kills, hangs or bloats its decoder.
    """
    try:
        return next(ask(message, 1, limits))
    except wire.Garbled:
        pass
    except Died as death:
        if not _may_be_innocent(death, limits):
            raise _blame(death, limits) from death
    try:
        return next(_converse(_pool.fresh(limits.memory_bytes), message, 1, limits))
    except wire.Garbled as fault:
        raise ContentRefused("decoder_killed", signal=str(fault)) from fault
    except Died as death:
        raise _blame(death, limits) from death


def _converse(
    decoder: Decoder,
    message: wire.Message,
    answers: int,
    limits: Budget,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[wire.Message]:
    done = False
    try:
        told = decoder.ask(message, answers, limits.wall_seconds, meanwhile)
        for number, answer in enumerate(told, 1):
            done = number == answers
            if done:
                _pool.give_back(decoder)
            yield answer
    finally:
        # Also when the caller leaves half-way: the rest would be read as the next one's answer.
        if not done:
            decoder.close()


def _may_be_innocent(death: Died, limits: Budget) -> bool:
    """Whether a file deserves a second, fresh decoder before it is blamed (U19).

    An earlier file may have damaged this one, somebody or the kernel may have killed it for
    reasons of their own, or the machine may have been too busy to let it run.
    """
    if death.timed_out:
        return death.cpu_seconds < _BUSY_SHARE * limits.wall_seconds
    return not death.was_fresh or death.signal_name == "SIGKILL"


def _blame(death: Died, limits: Budget) -> RindleError:
    """What a decoder's death says of the file that it was given."""
    if death.timed_out:
        return ContentRefused("decoder_timeout", seconds=limits.wall_seconds)
    if death.signal_name == "SIGXCPU":
        return ContentRefused("decoder_timeout", seconds=limits.cpu_seconds)
    if speaks_of_memory(death.last_words):
        return ContentRefused("decoder_memory", limit=limits.memory_bytes)
    return ContentRefused("decoder_killed", signal=death.signal_name)


def close_all() -> None:
    """End every decoder of this process that is idle, or about to be."""
    _pool.clear()


class _Pool:
    """Idle decoders, last used first, those that are coming, and the thread that starts and retires
    them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Decoder] = []
        self._coming: dict[int, Future[Decoder]] = {}
        self._wishes: queue.SimpleQueue[tuple[int, Future[Decoder]]] = queue.SimpleQueue()
        self._keeper: threading.Thread | None = None

    def prepare(self, memory_bytes: int) -> None:
        self._retire()
        coming: Future[Decoder] = Future()
        with self._lock:
            if memory_bytes in self._coming or self._at_hand(memory_bytes):
                return
            self._coming[memory_bytes] = coming
        coming.add_done_callback(partial(self._arrive, memory_bytes))
        self._wish(memory_bytes, coming)

    def take(self, memory_bytes: int) -> Decoder:
        self._retire()
        with self._lock:
            if (decoder := self._at_hand(memory_bytes)) is not None:
                self._idle.remove(decoder)
                return decoder
            coming = self._coming.pop(memory_bytes, None)
        return self.fresh(memory_bytes) if coming is None else coming.result()

    def _at_hand(self, memory_bytes: int) -> Decoder | None:
        fitting = (each for each in reversed(self._idle) if each.memory_bytes == memory_bytes)
        return next(fitting, None)

    def _arrive(self, memory_bytes: int, coming: Future[Decoder]) -> None:
        """Nobody has waited for it: it is idle. A failure is told to the next who asks."""
        with self._lock:
            if self._coming.get(memory_bytes) is coming:
                del self._coming[memory_bytes]
                if coming.exception() is None:
                    self._idle.append(coming.result())

    def give_back(self, decoder: Decoder) -> None:
        if _worn_out(decoder):
            decoder.close()
            return
        with self._lock:
            self._idle.append(decoder)

    def clear(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            coming, self._coming = self._coming, {}
        arrived = [each.result() for each in coming.values() if each.exception() is None]
        for decoder in (*idle, *arrived):
            decoder.close()

    def disown(self) -> None:
        for decoder in self._idle:
            decoder.disown()

    def fresh(self, memory_bytes: int) -> Decoder:
        """A newly started decoder. Raises TransientFailure("decoder_unavailable")."""
        wish: Future[Decoder] = Future()
        self._wish(memory_bytes, wish)
        return wish.result()

    def _wish(self, memory_bytes: int, wish: Future[Decoder]) -> None:
        # The kernel's parent-death signal fires when the *thread* that started a child ends, and
        # a worker's threads come and go (matrix row 8): so one thread starts them all.
        with self._lock:
            if self._keeper is None or not self._keeper.is_alive():
                self._keeper = threading.Thread(
                    target=self._keep, name="rindle-decoders", daemon=True
                )
                self._keeper.start()
        self._wishes.put((memory_bytes, wish))

    def _keep(self) -> None:
        while True:
            try:
                memory_bytes, wish = self._wishes.get(timeout=MAX_IDLE / 2)
            except queue.Empty:
                self._retire()
                continue
            try:
                wish.set_result(_start(memory_bytes))
            except BaseException as error:
                wish.set_exception(error)

    def _retire(self) -> None:
        with self._lock:
            tired = [each for each in self._idle if _worn_out(each) or _unused(each)]
            self._idle = [each for each in self._idle if each not in tired]
        for decoder in tired:
            decoder.close()


def _start(memory_bytes: int) -> Decoder:
    """A decoder that said it is ready. Raises TransientFailure."""
    try:
        decoder = Decoder(memory_bytes)
    except OSError as error:
        raise TransientFailure("decoder_unavailable", detail=str(error)) from error
    try:
        decoder.await_ready()
    except Died as death:
        last = death.last_words.strip().splitlines()[-1:] or [death.signal_name]
        raise TransientFailure("decoder_unavailable", detail=last[0][:200]) from death
    except BaseException:
        decoder.close()
        raise
    return decoder


def _worn_out(decoder: Decoder) -> bool:
    return (
        decoder.spoilt or decoder.served >= MAX_SERVED or time.monotonic() - decoder.born > MAX_AGE
    )


def _unused(decoder: Decoder) -> bool:
    return time.monotonic() - decoder.last_used > MAX_IDLE


def _after_fork() -> None:
    global _pool
    with suppress(OSError):
        _pool.disown()
    _pool = _Pool()


_pool = _Pool()
os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_all)
