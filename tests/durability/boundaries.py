"""The boundaries of durability: the moments before and after which a death leaves something else
behind. They are found by hooks on the few doors through which anything lasting goes, so that
nobody has to remember to list one.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import isgeneratorfunction
from types import FrameType
from typing import Any

from botocore.endpoint import Endpoint
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from procrastinate.manager import JobManager

from rindle_django import workspace
from rindle_django.media import sandbox
from rindle_django.media.decoder import Decoder
from rindle_django.storage.base import Adapter

Cross = Callable[[str, str], None]
Call = Callable[..., Any]

# Statements that change rows, whether they say so themselves or call one of the queue's functions.
_WRITES = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b"
    r"|\s*WITH\b.*\b(INSERT|UPDATE|DELETE|MERGE)\b"
    r"|\s*SELECT\b.*\bprocrastinate_\w+\s*\(",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Boundary:
    """One crossing. ``where`` is the library's own code that was at work, innermost last."""

    number: int
    name: str
    when: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.number} {self.when} {self.name} in {self.where or 'nothing of ours'}"


class _Watch:
    """The one watch of this process: counts what is crossed, from whichever thread."""

    def __init__(self, seen: Callable[[Boundary], object]) -> None:
        self._seen = seen
        self._lock = threading.Lock()
        self._crossed = 0
        self.over = False

    def cross(self, name: str, when: str) -> None:
        with self._lock:
            if self.over:
                return
            self._crossed += 1
            number = self._crossed
        # Outside the lock: whoever sees it may block, and others must be able to go on.
        self._seen(Boundary(number, name, when, _whereabouts()))


_watching = threading.Lock()


@contextmanager
def watched(seen: Callable[[Boundary], object]) -> Iterator[None]:
    """Call ``seen`` at every boundary that this process crosses while the block runs.

    In the thread that crosses it: ``seen`` may raise, block, or kill the process. What it raises
    is raised before the thing is done, or in place of its answer after it was. At a commit Django
    can bear nothing but a database's error.
    """
    if not _watching.acquire(blocking=False):
        raise RuntimeError("boundaries are already being watched")
    watch = _Watch(seen)
    try:
        with ExitStack() as hooks:
            for hook in HOOKS:
                hooks.enter_context(hook(watch.cross))
            hooks.callback(setattr, watch, "over", True)
            yield
    finally:
        _watching.release()


def _whereabouts() -> str:
    frame: FrameType | None = sys._getframe(2)
    found: list[str] = []
    while frame is not None and len(found) < 3:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("rindle_django."):
            name = f"{module.removeprefix('rindle_django.')}.{frame.f_code.co_name}"
            found.append(f"{name}:{frame.f_lineno}")
        frame = frame.f_back
    return " > ".join(reversed(found))


# --- hooks -------------------------------------------------------------------------------------


@contextmanager
def _replaced(owner: Any, name: str, replacement: object) -> Iterator[None]:
    original = vars(owner)[name]
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _around(cross: Cross, name: str, call: Call) -> Call:
    @wraps(call)
    def watched_call(*args: Any, **kwargs: Any) -> Any:
        cross(name, "before")
        answer = call(*args, **kwargs)
        cross(name, "after")
        return answer

    return watched_call


@contextmanager
def _commits(cross: Cross) -> Iterator[None]:
    """Outermost commits alone come here; savepoints have a method of their own."""
    commit = _around(cross, "commit", vars(BaseDatabaseWrapper)["_commit"])
    with _replaced(BaseDatabaseWrapper, "_commit", commit):
        yield


@contextmanager
def _writes(cross: Cross) -> Iterator[None]:
    """Statements that write outside a transaction commit by themselves."""
    execute: Call = vars(CursorWrapper)["_execute_with_wrappers"]

    @wraps(execute)
    def watched_execute(cursor: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        if cursor.db.in_atomic_block or not _WRITES.match(str(sql)):
            return execute(cursor, sql, *args, **kwargs)
        cross("write", "before")
        answer = execute(cursor, sql, *args, **kwargs)
        cross("write", "after")
        return answer

    with _replaced(CursorWrapper, "_execute_with_wrappers", watched_execute):
        yield


@contextmanager
def _storage(cross: Cross) -> Iterator[None]:
    """Every call of every adapter that touches its storage, those defined meanwhile included."""
    under_way = threading.local()
    with ExitStack() as classes:
        adapters: list[type[Any]] = [Adapter, *_descendants(Adapter)]
        for adapter in adapters:
            _watch_class(classes, under_way, cross, adapter)
        classes.enter_context(_later_classes(classes, under_way, cross))
        yield


def _descendants(base: type[Any]) -> Iterator[type[Any]]:
    for child in base.__subclasses__():
        yield child
        yield from _descendants(child)


def _watch_class(
    classes: ExitStack, under_way: threading.local, cross: Cross, adapter: type
) -> None:
    for name in sorted(Adapter.TOUCHES_STORAGE & vars(adapter).keys()):
        call = vars(adapter)[name]
        if not getattr(call, "__isabstractmethod__", False):
            replacement = _storage_call(under_way, cross, name, call)
            classes.enter_context(_replaced(adapter, name, replacement))


@contextmanager
def _later_classes(classes: ExitStack, under_way: threading.local, cross: Cross) -> Iterator[None]:
    begin = Adapter.__dict__["__init_subclass__"].__func__

    def begin_and_watch(cls: type[Adapter], /, **kwargs: Any) -> None:
        begin(cls, **kwargs)
        _watch_class(classes, under_way, cross, cls)

    with _replaced(Adapter, "__init_subclass__", classmethod(begin_and_watch)):
        yield


def _storage_call(under_way: threading.local, cross: Cross, name: str, call: Call) -> Call:
    @wraps(call)
    def watched_call(*args: Any, **kwargs: Any) -> Any:
        inside: set[str] = vars(under_way).setdefault("names", set())
        if name in inside:  # an adapter that calls its base class does the thing once
            return call(*args, **kwargs)
        cross(f"storage.{name}", "before")
        inside.add(name)
        try:
            answer = call(*args, **kwargs)
        finally:
            inside.discard(name)
        if isinstance(answer, Iterator):
            return _to_the_end(cross, f"storage.{name}", answer)
        cross(f"storage.{name}", "after")
        return answer

    return watched_call


def _to_the_end(cross: Cross, name: str, steps: Iterator[Any]) -> Iterator[Any]:
    yield from steps
    cross(name, "after")


@contextmanager
def _decoders(cross: Cross) -> Iterator[None]:
    """Their start, and each conversation: before the request, and after every answer.

    They start when they are asked, not ahead: what one thread crosses while another does would come
    in another order each time.
    """
    ask = Decoder.ask
    assert isgeneratorfunction(ask)

    @wraps(ask)
    def watched_ask(*args: Any, **kwargs: Any) -> Iterator[Any]:
        cross("decoder", "before")
        for answer in ask(*args, **kwargs):
            cross("decoder", "after")
            yield answer

    with (
        _replaced(Decoder, "ask", watched_ask),
        _replaced(sandbox, "prepare", lambda _limits: None),
        _replaced(sandbox, "_start", _around(cross, "decoder.start", sandbox._start)),
    ):
        yield


@contextmanager
def _jobs(cross: Cross) -> Iterator[None]:
    """How a worker takes, finishes and puts back a job, on connections that are not Django's."""
    with ExitStack() as calls:
        for name, method in (
            ("job.finish", "finish_job_by_id_async"),
            ("job.retry", "retry_job_by_id_async"),
        ):
            awaited = _awaited(cross, name, vars(JobManager)[method])
            calls.enter_context(_replaced(JobManager, method, awaited))
        fetch = _fetched(cross, JobManager.fetch_job)
        calls.enter_context(_replaced(JobManager, "fetch_job", fetch))
        yield


def _awaited(cross: Cross, name: str, call: Call) -> Call:
    @wraps(call)
    async def watched_call(*args: Any, **kwargs: Any) -> Any:
        cross(name, "before")
        answer = await call(*args, **kwargs)
        cross(name, "after")
        return answer

    return watched_call


def _fetched(cross: Cross, call: Call) -> Call:
    @wraps(call)
    async def watched_call(*args: Any, **kwargs: Any) -> Any:
        job = await call(*args, **kwargs)
        if job is not None:  # looking in vain changes nothing, and happens at any time
            cross("job.fetch", "after")
        return job

    return watched_call


@contextmanager
def _workspaces(cross: Cross) -> Iterator[None]:
    """Coming and going of working copies, under whatever name modules imported the function."""
    make = workspace.workspace

    @wraps(make)
    @contextmanager
    def watched_workspace() -> Iterator[Any]:
        cross("workspace.enter", "before")
        with make() as folder:
            cross("workspace.enter", "after")
            yield folder
            cross("workspace.exit", "before")
        cross("workspace.exit", "after")

    with ExitStack() as modules:
        for name, module in list(sys.modules.items()):
            if name.startswith("rindle_django.") and vars(module).get("workspace") is make:
                modules.enter_context(_replaced(module, "workspace", watched_workspace))
        yield


@contextmanager
def _requests(cross: Cross) -> Iterator[None]:
    """Every HTTP request of botocore, each retry too, named by its operation: "s3.PutObject"."""
    send: Call = vars(Endpoint)["_do_get_response"]

    @wraps(send)
    def watched_send(endpoint: Any, request: Any, operation: Any, *args: Any, **kwargs: Any) -> Any:
        name = f"{endpoint._endpoint_prefix}.{operation.name}"
        cross(name, "before")
        answer = send(endpoint, request, operation, *args, **kwargs)
        cross(name, "after")
        return answer

    with _replaced(Endpoint, "_do_get_response", watched_send):
        yield


HOOKS: tuple[Callable[[Cross], AbstractContextManager[None]], ...] = (
    _commits,
    _writes,
    _storage,
    _decoders,
    _jobs,
    _workspaces,
    _requests,
)
