"""Where a process uses processors: as often as the kernel's clock ticks while a thread of it runs,
that thread writes down its stack. Whoever waits does not.

The signal comes to the thread that used the time, and its stack is written by a handler that does
not wait for the interpreter's lock. One that looks from another thread sees threads where they give
the lock up, which is in their calls of the system. Such a handler may find a stack half changed,
and then the process crashes: in one of several thousand looks. So there are a few hundred of them,
within rounds only, in no process that has anything else to do; what a lost worker had begun is
taken over as after any other crash. A smoke run has none.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PAUSE = 0.02  # seconds

# Frames as "function (path)", the outermost first, and how often they were seen.
Stacks = Counter[tuple[str, ...]]

FRAME = re.compile(r'  File "(.*)", line \d+ in (.*)')

# By the beginning of a frame's path. What has no layer, as most of Python's own library, counts for
# its caller.
SQL = "django/db/models/"
LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Django: putting SQL together",
        (f"{SQL}sql/", f"{SQL}expressions", f"{SQL}lookups", f"{SQL}functions", f"{SQL}query_"),
    ),
    ("Django: models and querysets", (SQL,)),
    ("Django: connections and transactions", ("django/db/",)),
    ("Django: all else", ("django/",)),
    ("psycopg and its wire", ("psycopg",)),
    (
        "Procrastinate, asyncio and threads",
        ("procrastinate/", "asgiref/", "asyncio/", "selectors.py", "threading.py", "concurrent/"),
    ),
    (
        "logging, telemetry and JSON",
        ("logging/", "json/", "opentelemetry/", "rindle_django/telemetry/"),
    ),
    ("ours: files, hashes, syncing", ("rindle_django/storage/", "rindle_django/workspace")),
    ("ours: talking to the decoder", ("rindle_django/media/",)),
    ("ours: all else", ("rindle_django/",)),
)


def ready(folder: Path) -> None:
    """Have this process write down its stacks from one SIGUSR2 to the next."""
    faulthandler.register(signal.SIGPROF, _place(folder, os.getpid()).open("wb"), all_threads=False)
    signal.signal(signal.SIGUSR2, _turn)
    # A signal that nobody handles any more would end the process.
    atexit.register(signal.setitimer, signal.ITIMER_PROF, 0.0)


def _turn(*_: object) -> None:
    pause = 0.0 if signal.getitimer(signal.ITIMER_PROF)[0] else PAUSE
    signal.setitimer(signal.ITIMER_PROF, pause, pause)


def of_a_child(folder: Path, action: Callable[[], object]) -> Stacks:
    """Those of a process of its own that does it."""
    pid = os.fork()
    if pid == 0:
        ready(folder)
        _turn()
        action()
        os._exit(0)
    os.waitpid(pid, 0)
    return _read(_place(folder, pid), 0)


@contextmanager
def watched(folder: Path, pids: Sequence[int]) -> Iterator[list[Stacks]]:
    """What each of these processes, which are ready for it, writes down within the block."""
    found: list[Stacks] = []
    places = [_place(folder, pid) for pid in pids]
    before = [place.stat().st_size for place in places]
    _tell(pids)
    yield found
    _tell(pids)
    found.extend(_read(*each) for each in zip(places, before, strict=True))


def _tell(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # of one whose stack could not be read
            os.kill(pid, signal.SIGUSR2)


def layer_of(stack: Sequence[str]) -> str:
    """Of the innermost frame that has one."""
    for frame in reversed(stack):
        path = _path(frame)
        for layer, beginnings in LAYERS:
            if path.startswith(beginnings):
                return layer
    return "Python: all else"


def purpose_of(stack: Sequence[str]) -> str:
    """The function by which our library was entered; the wrapping of a task aside."""
    for frame in stack:
        path = _path(frame)
        if path.startswith("rindle_django/") and not path.startswith("rindle_django/tasks"):
            return frame
    return "the queue itself"


def function_of(stack: Sequence[str]) -> str:
    return stack[-1]


def shares(stacks: Stacks, of: Callable[[Sequence[str]], str]) -> dict[str, float]:
    """Of all that was seen, by what ``of`` makes of a stack; one share if nothing was."""
    if not stacks:
        return {"Python: not looked into": 1.0}
    counts: Counter[str] = Counter()
    for stack, count in stacks.items():
        counts[of(stack)] += count
    return {name: count / counts.total() for name, count in counts.items()}


def within(stacks: Stacks, function: str) -> Stacks:
    """Those that such a function has a part in."""
    return Counter(
        {
            stack: count
            for stack, count in stacks.items()
            if any(frame.startswith(f"{function} (") for frame in stack)
        }
    )


def _path(frame: str) -> str:
    return frame.partition(" (")[2]


def _place(folder: Path, pid: int) -> Path:
    return folder / f"stacks-{pid}"


def _read(place: Path, start: int) -> Stacks:
    stacks: Stacks = Counter()
    with place.open() as lines:
        lines.seek(start)
        for text in lines.read().split("Stack (most recent call first):\n"):
            if frames := FRAME.findall(text):
                stacks[tuple(f"{name} ({_short(path)})" for path, name in reversed(frames))] += 1
    return stacks


@cache
def _short(path: str) -> str:
    roots = sorted((f"{Path(each).resolve()}/" for each in sys.path), key=len, reverse=True)
    return path.removeprefix(next((root for root in roots if path.startswith(root)), ""))
