"""One decoder process as its parent sees it: started, asked, timed, and killed.

Knows nothing of images; what is said is ``wire``'s business, how many there are is ``sandbox``'s.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rindle_django import interruption, workspace
from rindle_django.media import wire

# Seconds within which an answer is as good as there.
AT_ONCE = 0.02
START_SECONDS = 20.0
MAX_CPU = 86_400.0
LAST_WORDS = 4096
# Where an answer holds the CPU seconds that went by since the one before. Added here, whatever the
# decoder says under that name.
SPENT = "spent"
# All that a decoder inherits. Anything else may be a secret: URLs of databases, keys (S5).
PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "VIPSHOME"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
)


class Died(Exception):
    """The process ended, or was ended, before it answered."""

    def __init__(self, exit_code: int, *, timed_out: bool, cpu_seconds: float, last_words: str):
        super().__init__(exit_code)
        self.exit_code, self.timed_out = exit_code, timed_out
        self.cpu_seconds, self.last_words = cpu_seconds, last_words
        self.was_fresh = False

    @property
    def signal_name(self) -> str:
        with suppress(ValueError):
            return signal.Signals(-self.exit_code).name
        return f"exit code {self.exit_code}"


class Decoder:
    """A running decoder. Not thread-safe: whoever took it has it alone."""

    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes = memory_bytes
        self.born = self.last_used = time.monotonic()
        self.served = 0
        self.spoilt = False
        self._cpu = 0.0
        self._stderr = b""
        # Under a name that is swept with those of other work, should we die right here.
        self._folder = workspace.make("decoder-")
        self._process = _start(memory_bytes, self._folder)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._stdin, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._process.stderr.fileno(), selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_ready(self) -> None:
        self._read(time.monotonic() + START_SECONDS)

    def ask(
        self,
        message: wire.Message,
        answers: int,
        seconds: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> Iterator[wire.Message]:
        """Send a request and yield so many answers, ``seconds`` being granted for each.

        ``meanwhile`` is called when an answer does not come at once, and the decoder goes on.
        Raises Died, Garbled, or Interrupted when the work has become unwanted meanwhile. An answer
        with an ``error`` may be the last.
        """
        fresh = self.served == 0
        try:
            self._write(wire.pack(message), time.monotonic() + seconds)
            for _ in range(answers):
                if meanwhile is not None and not self._selector.select(AT_ONCE):
                    meanwhile()
                answer = self._read(time.monotonic() + seconds)
                self.served += 1
                self.last_used = time.monotonic()
                # A file that was refused may have left damage behind.
                self.spoilt = self.spoilt or "error" in answer
                yield answer
        except Died as death:
            death.was_fresh = fresh
            raise

    def close(self) -> float:
        """Kill it with all it started, and wait; returns the CPU seconds it had used."""
        if self._process.returncode is not None:
            return 0.0
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        used = self._reap()
        with suppress(OSError):  # usually gone: it removes its folder when it begins
            self._folder.rmdir()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return used

    def disown(self) -> None:
        """After a fork: this copy of the parent has no child, and must not hold its pipes."""
        self._process.returncode = 0
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _reap(self) -> float:
        try:
            _, status, usage = os.wait4(self.pid, 0)
        except ChildProcessError:  # somebody waits for every child of this process
            self._process.returncode = -signal.SIGKILL
            return 0.0
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def _write(self, data: bytes, deadline: float) -> None:
        with selectors.DefaultSelector() as writable:
            writable.register(self._stdin, selectors.EVENT_WRITE)
            while data:
                if not writable.select(max(0.0, deadline - time.monotonic())):
                    raise self._death(timed_out=True)
                try:
                    data = data[os.write(self._stdin, data) :]
                except BrokenPipeError:
                    raise self._death() from None

    def _read(self, deadline: float) -> wire.Message:
        header = self._read_exactly(wire.HEADER, deadline)
        message = wire.unpack(self._read_exactly(wire.body_length(header), deadline))
        return message | {SPENT: self._spent(message.get("cpu"))}

    def _spent(self, cpu: object) -> float | None:
        """From what the decoder says that it has used since it began, if that can be true."""
        if not isinstance(cpu, float) or not self._cpu <= cpu <= MAX_CPU:
            return None
        spent, self._cpu = cpu - self._cpu, cpu
        return spent

    def _read_exactly(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            for key, _ in self._await_output(deadline):
                if key.fd == self._stdout:
                    chunk = os.read(self._stdout, length - len(received))
                    if not chunk:
                        raise self._death()
                    received += chunk
                else:
                    self._hear(key.fd)
        return bytes(received)

    def _await_output(self, deadline: float) -> list[tuple[selectors.SelectorKey, int]]:
        while (left := deadline - time.monotonic()) > 0:
            if ready := self._selector.select(min(left, interruption.INTERVAL)):
                return ready
            interruption.checkpoint()
        raise self._death(timed_out=True)

    def _hear(self, stderr: int) -> None:
        """Keep the end of what it complains of; a full pipe would stop it."""
        chunk = os.read(stderr, 65536)
        if not chunk:
            self._selector.unregister(stderr)
        self._stderr = (self._stderr + chunk)[-LAST_WORDS:]

    def _death(self, *, timed_out: bool = False) -> Died:
        assert self._process.stderr is not None
        stderr = self._process.stderr.fileno()
        os.set_blocking(stderr, False)
        with suppress(OSError):
            self._stderr = (self._stderr + os.read(stderr, 65536))[-LAST_WORDS:]
        used = self.close()
        return Died(
            self._process.returncode or 0,
            timed_out=timed_out,
            cpu_seconds=max(0.0, used - self._cpu),
            last_words=self._stderr.decode("utf-8", "replace"),
        )


def _start(memory_bytes: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [python(), "-P", "-m", "rindle_django.media.child"]
    try:
        return subprocess.Popen(  # noqa: S603
            [*command, str(memory_bytes), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            close_fds=True,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,  # Ctrl-C and group kills are for the worker
        )
    except OSError:
        folder.rmdir()
        raise


def python() -> str:
    """The interpreter. Inside uWSGI and the like ``sys.executable`` is not one."""
    if "python" in Path(sys.executable or "").name:
        return sys.executable
    return str(Path(sys.exec_prefix) / "bin" / "python3")


def _environment(folder: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # All that we can import from, and the folder that holds us: sys.path may have relative parts.
    found_in = [*sys.path, str(Path(__file__).parents[2])]
    return passed | {
        "PYTHONPATH": os.pathsep.join(str(Path(each).absolute()) for each in found_in),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "VIPS_BLOCK_UNTRUSTED": "1",
        "VIPS_CONCURRENCY": "1",  # workers run side by side already
        "VIPS_DISC_THRESHOLD": "1000g",  # no temporary files: they would fail, memory is bounded
        # One at work at a time has no use for more: each keeps what it once had, and reserves 64 MB
        # of the address space allowed.
        "MALLOC_ARENA_MAX": "1",
        "OMP_NUM_THREADS": "1",
    }
