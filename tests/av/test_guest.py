"""FFmpeg as a guest: what it is denied, how it ends, and who pays when it does."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import pytest

from rindle_django.errors import ContentRefused, Misconfigured, RindleError, TransientFailure
from rindle_django.interruption import Interrupted, interrupted_when
from rindle_django.media.av import ffmpeg, guest
from rindle_django.media.av.bounds import MEGABYTE
from tests.av import clips
from tests.av.guests import (
    BUSILY,
    SLOWLY,
    Elsewhere,
    bounds,
    guests,
    processes_of_group,
    the_guest,
    transcode,
)
from tests.media.decoders import alive, environment_of, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["kernel", "watching"])
def kept(request, monkeypatch):
    """Who ends FFmpeg with its parent: the kernel on Linux, a process that watches elsewhere."""
    monkeypatch.setattr(ffmpeg, "watched_by_default", lambda: request.param == "watching")
    return request.param


@pytest.fixture(autouse=True)
def _none_is_left():
    clips.video(), clips.long_video()  # made before, by an FFmpeg that is not looked at
    yield
    assert guests() == set()


@pytest.fixture
def at_work(tmp_path):
    """An FFmpeg that has minutes to do, and takes no processor time for it."""
    work = Elsewhere(lambda: transcode(tmp_path, source=clips.long_video(), before=SLOWLY))
    pid = the_guest()
    yield pid, work
    if alive(pid):
        os.kill(pid, signal.SIGKILL)
        work.ended()


def code(error: BaseException | None) -> str:
    assert isinstance(error, RindleError), error
    return error.code


# --- what it is denied -----------------------------------------------------------------------


def test_it_inherits_no_secrets__S5(monkeypatch, tmp_path):
    secrets = ("DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY", "FFREPORT", "http_proxy")
    for name in secrets:
        monkeypatch.setenv(name, "canary")
    work = Elsewhere(lambda: transcode(tmp_path, source=clips.long_video(), before=SLOWLY))
    pid = the_guest()
    given = environment_of(pid)
    os.kill(pid, signal.SIGKILL)
    work.ended()
    assert "PATH=" in given
    assert "canary" not in given
    assert not [name for name in secrets if f"{name}=" in given]
    assert not list(tmp_path.glob("*.log"))


def test_the_kernel_holds_it_to_its_limits__S5(at_work):
    pid, _ = at_work
    rows = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    limits = {row[:26].strip(): row[26:].split()[:2] for row in rows}
    allowed = bounds()
    assert limits["Max address space"] == [str(allowed.memory_bytes)] * 2
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max open files"] == ["256", "256"]
    assert limits["Max file size"] == [str(allowed.output_bytes)] * 2
    assert int(limits["Max cpu time"][0]) == allowed.cpu_seconds
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)


def test_it_holds_no_files_of_ours_and_stands_in_the_work_folder__S5(tmp_path):
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        work = Elsewhere(lambda: transcode(tmp_path, source=clips.long_video(), before=SLOWLY))
        pid = the_guest()
        held = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
        assert Path(f"/proc/{pid}/cwd").readlink() == tmp_path
        os.kill(pid, signal.SIGKILL)
        work.ended()
    assert not [each for each in held if "secret" in each or "socket" in each]


def test_it_has_no_network_where_the_kernel_allows_namespaces__S11(at_work):
    pid, _ = at_work
    allowed = subprocess.run(["unshare", "-Un", "true"], capture_output=True).returncode == 0
    apart = Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    assert apart == allowed


def test_it_asks_nobody_and_reads_no_keyboard(at_work):
    pid, _ = at_work
    assert str(Path(f"/proc/{pid}/fd/0").readlink()) == "/dev/null"


# --- how it ends -----------------------------------------------------------------------------


def test_a_run_tells_what_it_took_and_how_far_it_is(kept, tmp_path):
    heard: list[float] = []
    finished = transcode(tmp_path, on_progress=heard.append)
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert 0.01 < finished.cpu_seconds < 20
    assert heard
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(2, abs=0.2)


def test_a_program_that_is_not_there_is_the_operators_affair(settings, tmp_path):
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": "/nowhere/ffmpeg"}
    with pytest.raises(Misconfigured) as refused:
        transcode(tmp_path)
    assert refused.value.code == "transcoder_missing"


def test_a_program_that_does_not_start_is_the_operators_affair(settings, tmp_path):
    broken = tmp_path / "ffmpeg"
    broken.write_bytes(b"\x7fELF and nothing else")
    broken.chmod(0o755)
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": str(broken)}
    with pytest.raises(Misconfigured) as refused:
        transcode(tmp_path)
    assert refused.value.code == "transcoder_missing"


def test_work_that_becomes_unwanted_leaves_no_process__W3_8(kept, tmp_path):
    began, unwanted = time.monotonic(), False

    def cancelled() -> bool:
        return unwanted

    def wait() -> None:
        with interrupted_when(cancelled):
            transcode(tmp_path, source=clips.long_video(), before=SLOWLY)

    work = Elsewhere(wait)
    pid = the_guest()
    group = os.getpgid(pid)
    unwanted, began = True, time.monotonic()
    assert isinstance(work.ended(), Interrupted)
    assert time.monotonic() - began < 1.5
    assert processes_of_group(group) == set()


def test_work_that_is_loud_can_be_stopped_too__W3_8(tmp_path):
    """A pipe that always has something to say must not keep anybody from asking."""
    asked = iter([False, False])
    loud = ("-loglevel", "trace", *BUSILY)
    with interrupted_when(lambda: next(asked, True)), pytest.raises(Interrupted):
        transcode(tmp_path, loud)
    assert guests() == set()


def test_a_listener_that_fails_leaves_no_process(tmp_path):
    def fail(_seconds: float) -> None:
        raise ZeroDivisionError

    at_once = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-an")
    with pytest.raises(ZeroDivisionError):
        transcode(tmp_path, at_once, source=clips.long_video(), before=SLOWLY, on_progress=fail)
    assert guests() == set()


def test_a_file_that_takes_too_long_is_refused(kept, tmp_path):
    with pytest.raises(ContentRefused) as refused:
        transcode(tmp_path, BUSILY, bounds=bounds(wall_seconds=1.0))
    assert refused.value.code == "transcode_timeout"
    assert guests() == set()


def test_time_in_which_the_machine_did_not_let_it_work_is_not_held_against_it__U19(tmp_path):
    with pytest.raises(TransientFailure) as stopped:
        transcode(
            tmp_path, source=clips.long_video(), before=SLOWLY, bounds=bounds(wall_seconds=3.0)
        )
    assert stopped.value.code == "transcoder_stopped"


def test_processor_time_is_bounded_by_the_kernel(tmp_path):
    with pytest.raises(ContentRefused) as refused:
        transcode(tmp_path, BUSILY, bounds=bounds(cpu_seconds=1))
    assert refused.value.code == "transcode_timeout"


def test_memory_is_bounded_by_the_kernel(kept, tmp_path):
    """All frames at once, of a size that none of them has to have."""
    hoarding = ("-vf", "scale=3840:2160,reverse", "-c:v", "libx264", "-preset", "ultrafast", "-an")
    with pytest.raises(ContentRefused) as refused:
        transcode(tmp_path, hoarding, bounds=bounds(memory_bytes=500 * MEGABYTE, threads=1))
    assert refused.value.code == "transcode_memory"


def test_an_output_that_grows_too_large_is_no_success__W3_7(kept, tmp_path):
    with pytest.raises(ContentRefused) as refused:
        transcode(tmp_path, BUSILY, bounds=bounds(output_bytes=100_000))
    assert refused.value.code == "transcode_failed"
    assert "100,000 bytes" in str(refused.value)


def test_a_flood_of_complaints_is_bounded(tmp_path):
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    finished = transcode(tmp_path, ("-loglevel", "trace", "-c:v", "libx264", "-an"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown
    assert 0 < len(finished.stderr_tail) <= guest.LAST_WORDS
    assert grown < 20 * 1024


def test_an_output_that_nobody_keeps_is_bounded(tmp_path):
    raw = ["-map", "0:v", "-f", "rawvideo", "-s", "1920x1080", "pipe:1"]
    with pytest.raises(ContentRefused) as refused:
        ffmpeg.run(raw, source=clips.video(), mime="video/mp4", folder=tmp_path, bounds=bounds())
    assert refused.value.code == "transcode_failed"


def test_an_output_is_heard_piece_by_piece(tmp_path):
    pieces: list[int] = []
    raw = ["-map", "0:v", "-f", "rawvideo", "pipe:1"]
    finished = ffmpeg.run(
        raw,
        source=clips.video(),
        mime="video/mp4",
        folder=tmp_path,
        bounds=bounds(),
        on_output=lambda chunk: pieces.append(len(chunk)),
    )
    assert sum(pieces) == 320 * 240 * 3 // 2 * 50
    assert max(pieces) <= 256 << 10
    assert finished.stdout == b""


# --- who pays --------------------------------------------------------------------------------


def test_a_service_that_stops_lets_it_finish__W3_8(kept, tmp_path):
    """Its manager signals all processes at once; the worker drains, and needs the result."""
    work = Elsewhere(lambda: transcode(tmp_path, source=clips.video(), before=SLOWLY))
    os.killpg(os.getpgid(the_guest()), signal.SIGTERM)
    assert work.ended() is None
    assert (tmp_path / "out.mp4").stat().st_size > 1000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGXCPU, signal.SIGUSR1])
def test_one_who_kills_it_says_nothing_of_the_file__W3_8(kept, number, at_work):
    pid, work = at_work
    os.kill(pid, number)
    error = work.ended()
    assert isinstance(error, TransientFailure)
    assert error.code == "transcoder_stopped"


@pytest.mark.parametrize("kept", ["kernel", "watching"])
def test_it_does_not_outlive_its_worker__row_8(kept, tmp_path):
    script = f"""
        from django.conf import settings
        settings.configure()
        from pathlib import Path
        from rindle_django.media.av import ffmpeg
        from rindle_django.media.av.bounds import Bounds
        ffmpeg.watched_by_default = lambda: {kept == "watching"}
        folder = Path({str(tmp_path)!r})
        ffmpeg.run(
            ["-c:v", "libx264", ffmpeg.to(folder / "out.mp4")],
            source=Path({str(clips.long_video())!r}), mime="video/mp4", folder=folder,
            bounds=Bounds.for_duration(1000), before=["-re"],
        )
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=REPOSITORY
    ) as worker:
        try:
            pid = the_guest(worker.pid)
            group = os.getpgid(pid)
        finally:
            worker.kill()
    assert wait_until(lambda: not alive(pid), 2.0)
    assert wait_until(lambda: not processes_of_group(group), 2.0)


def test_it_may_be_run_from_a_thread_that_ends_afterwards(tmp_path):
    assert Elsewhere(lambda: transcode(tmp_path)).ended() is None


def test_one_who_holds_its_pipes_open_keeps_nobody_waiting(tmp_path, monkeypatch):
    """A process that was forked from ours in the midst of it has a copy of every pipe."""
    heirs: list[int] = []
    ends = os.pipe

    def pipe() -> tuple[int, int]:
        made = ends()
        if not heirs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # it only sleeps
                heirs.append(os.fork())
            if not heirs[0]:
                time.sleep(60)
                os._exit(0)
        return made

    monkeypatch.setattr(os, "pipe", pipe)
    began = time.monotonic()
    try:
        assert transcode(tmp_path).cpu_seconds
    finally:
        for heir in heirs:
            os.kill(heir, signal.SIGKILL)
            os.waitpid(heir, 0)
    assert heirs
    assert time.monotonic() - began < 30
