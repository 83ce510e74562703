"""One schedule: the first goes up to a point and waits there, the second runs to its end, or until
Postgres says that it waits for a lock of the first; then the first goes on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections

from rindle_django.errors import RequestRefused
from tests.durability.boundaries import Boundary, watched
from tests.durability.preemption.operations import Operation
from tests.durability.preemption.scene import Scene

PATIENCE = 30
# Savepoints change nothing for others, and what a type of content is, is looked up only once.
LOCKING = re.compile(r"FOR UPDATE|procrastinate_defer")
TABLE = re.compile(r'(?:FROM|UPDATE|INTO) "?(\w+)')
UNSEEN = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")


class Person:
    """A thread with a database connection of its own, both kept from schedule to schedule."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self.backend: int = self._thread.submit(self._arrive).result()

    def _arrive(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET deadlock_timeout = '50ms'")
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    def begin(self, call: Callable[[], Any]) -> Future[Any]:
        return self._thread.submit(call)

    def leave(self) -> None:
        self._thread.submit(connections.close_all).result()
        self._thread.shutdown()


class Gate:
    """Counts the points that one thread passes, and holds it at the one with the given number.

    Points are all boundaries and, in a transaction, the moments before each statement that locks
    rows of one more table: nobody else sees what is between those, and whoever comes there waits
    for the same locks. ``every_statement`` counts what is between, too.
    """

    def __init__(self, number: int = 0, *, every_statement: bool = False) -> None:
        self.number = number
        self.passed: list[str] = []
        self.reached, self.open = threading.Event(), threading.Event()
        self._every = every_statement
        self._thread = 0
        self._locked: set[str] = set()
        self._reading = False

    @contextmanager
    def watching_me(self) -> Iterator[None]:
        self._thread = threading.get_ident()
        try:
            with connection.execute_wrapper(self._statement):
                yield
        finally:
            self._thread = 0

    def crossed(self, boundary: Boundary) -> None:
        if threading.get_ident() != self._thread or boundary.name == "write":
            return  # a writing statement is seen as a statement
        self._locked.clear()
        self._reading = False
        self._pass(f"{boundary.when} {boundary.name}")

    def _statement(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = " ".join(str(sql).split())
        if not text.startswith(UNSEEN) and (self._is_a_point(text) or self._every):
            self._pass(f"before {text[:90]}")
        return execute(sql, params, many, context)

    def _is_a_point(self, text: str) -> bool:
        if not connection.in_atomic_block:
            self._locked.clear()
        reads = text.startswith("SELECT") and not LOCKING.search(text)
        again, self._reading = reads and self._reading, reads
        if reads:
            return not again and not self._locked
        table = TABLE.search(text)
        name = table.group(1) if table else text
        new = name not in self._locked
        self._locked.add(name)
        return new or not connection.in_atomic_block

    def _pass(self, point: str) -> None:
        self.passed.append(point)
        if len(self.passed) == self.number:
            self.reached.set()
            assert self.open.wait(PATIENCE), "nobody opened the gate"


@dataclass(frozen=True)
class Outcome:
    """What somebody was told: a value, or a refusal's code. Any other error is a violation."""

    value: Any = None
    refusal: str = ""
    violation: str = ""

    @property
    def acknowledged(self) -> bool:
        return not self.refusal and not self.violation


@dataclass(frozen=True)
class Meeting:
    """Both outcomes of a schedule, and the point at which the second came."""

    first: Outcome
    second: Outcome
    point: str


def points_of(
    person: Person, operation: Operation, scene: Scene, *, every_statement: bool = False
) -> list[str]:
    """The points that an operation passes when nobody disturbs it."""
    gate = Gate(every_statement=every_statement)
    with watched(gate.crossed):
        person.begin(lambda: _act(operation, scene, gate)).result(PATIENCE)
    return gate.passed


def meet(
    people: tuple[Person, Person], pair: tuple[Operation, Operation], scene: Scene, gate: Gate
) -> Meeting:
    with watched(gate.crossed):
        first = people[0].begin(lambda: _act(pair[0], scene, gate))
        while not gate.reached.wait(0.002) and not first.done():
            pass
        second = people[1].begin(lambda: _act(pair[1], scene))
        try:
            if not first.done():
                _wait_until_done_or_blocked(second, people[1].backend)
        finally:
            gate.open.set()
        wait([first, second], PATIENCE)
    held = len(gate.passed) >= gate.number
    point = gate.passed[gate.number - 1] if held else "after its end"
    return Meeting(_outcome(first, pair[0]), _outcome(second, pair[1]), point)


def _act(operation: Operation, scene: Scene, gate: Gate | None = None) -> Any:
    if gate is None:
        return operation.act(scene)
    with gate.watching_me():
        return operation.act(scene)


def _wait_until_done_or_blocked(second: Future[Any], backend: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not second.done():
        assert time.monotonic() < deadline, "the second neither ends nor waits for a lock"
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [backend])
            if cursor.fetchone()[0]:
                return
        wait([second], 0.002)


def _outcome(future: Future[Any], operation: Operation) -> Outcome:
    if not future.done():
        return Outcome(violation=f"{operation.name} waits for ever")
    error = future.exception()
    if error is None:
        return Outcome(value=future.result())
    if isinstance(error, RequestRefused) and error.code in operation.refusals:
        return Outcome(refusal=error.code)
    text = " ".join(str(error).split())[:200]
    return Outcome(violation=f"{operation.name} was told {type(error).__name__}: {text}")
