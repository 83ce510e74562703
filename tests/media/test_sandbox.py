"""The decoder process: what it is denied, how it ends, and who pays when it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from rindle_django.errors import ContentRefused, TransientFailure
from rindle_django.media import sandbox
from rindle_django.media.images import Limits, Rendered, probe_image, render_image, render_images
from rindle_django.profiles.recipes import ImageRecipe
from tests.media import pictures
from tests.media.decoders import alive, decoders, environment_of, wait_until

pytestmark = pytest.mark.usefixtures("cold")
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def photo(tmp_path):
    return pictures.save(tmp_path / "photo.jpg", pictures.quarters())


@pytest.fixture(scope="module")
def long_work(tmp_path_factory):
    """A source of which a large AVIF takes seconds."""
    path = tmp_path_factory.mktemp("long") / "noise.jpg"
    return pictures.save(path, pictures.noise(4000, 3000), quality=60)


SLOW = ImageRecipe(width=4000, format="avif", quality=90)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def gone(pid: int) -> bool:
    return not alive(pid)


def the_decoder(photo: Path) -> int:
    """The process id of the one warm decoder."""
    probe_image(photo, "image/jpeg")
    (pid,) = decoders()
    return pid


def test_one_decoder_serves_many_files(photo, tmp_path):
    first = the_decoder(photo)
    for at in range(5):
        render_image(photo, "image/jpeg", ImageRecipe(width=50 + at), tmp_path / f"{at}")
    assert decoders() == {first}


def test_it_inherits_no_secrets__S5(photo, monkeypatch):
    secrets = {
        "DATABASE_URL": "postgres://canary",
        "AWS_SECRET_ACCESS_KEY": "canary",
        "AWS_ACCESS_KEY_ID": "canary",
        "DJANGO_SETTINGS_MODULE": "canary.settings",
        "SECRET_KEY": "canary",
        "LD_PRELOAD_CANARY": "canary",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    given = environment_of(the_decoder(photo))
    assert "VIPS_BLOCK_UNTRUSTED=1" in given
    assert "canary" not in given
    assert not [name for name in secrets if name in given]


def test_the_kernel_holds_it_to_its_limits__S5(photo):
    pid = the_decoder(photo)
    rows = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    limits = {row[:26].strip(): row[26:].split() for row in rows}
    assert limits["Max address space"][:2] == [str(Limits().memory_bytes)] * 2
    assert limits["Max core file size"][:2] == ["0", "0"]
    assert limits["Max open files"][:2] == ["64", "64"]
    assert int(limits["Max file size"][1]) == 512 << 20
    assert int(limits["Max cpu time"][0]) < 60
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert os.getsid(pid) == pid


def test_it_holds_no_files_of_ours_and_stands_in_no_folder__S5(photo, tmp_path):
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        pid = the_decoder(photo)
        held = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [each for each in held if "secret" in each or "socket" in each]
    assert str(Path(f"/proc/{pid}/cwd").readlink()).endswith("(deleted)")


def test_it_has_no_network_where_the_kernel_allows_namespaces__S5(photo):
    allowed = subprocess.run(["unshare", "-Un", "true"], capture_output=True).returncode == 0
    pid = the_decoder(photo)
    apart = Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    assert apart == allowed


def test_nothing_is_left_in_the_temporary_folder(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "out").mkdir()
    before = set(tmp_path.iterdir())
    pid = the_decoder(photo)
    render_image(photo, "image/jpeg", ImageRecipe(width=50), tmp_path / "out" / "x")
    os.kill(pid, signal.SIGKILL)
    assert set(tmp_path.iterdir()) == before


def test_a_reused_path_shows_the_new_picture__S6(backend, tmp_path):
    """libvips caches by name: the previous file's pixels are another user's."""
    path, seen = tmp_path / "same.png", []
    for colour in (pictures.RED, pictures.GREEN, pictures.BLUE):
        pictures.save(path, Image.new("RGB", (64, 64), colour), "image/png")
        os.utime(path, (1, 1))
        target = tmp_path / "out.png"
        render_image(path, "image/png", ImageRecipe(width=8, format="png"), target, backend=backend)
        seen.append(opened(target).convert("RGB").getpixel((4, 4)))
        assert len(decoders()) == 1
    assert seen == [pictures.RED, pictures.GREEN, pictures.BLUE]


def test_an_error_ends_its_decoder__S5(photo, tmp_path):
    first = the_decoder(photo)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(ContentRefused):
        probe_image(broken, "image/jpeg")
    assert not alive(first)
    assert the_decoder(photo) != first


def test_a_decoder_is_replaced_after_so_many_files_and_so_much_time__S5(photo, monkeypatch):
    first = the_decoder(photo)
    monkeypatch.setattr(sandbox, "MAX_SERVED", 3)
    assert the_decoder(photo) == first
    probe_image(photo, "image/jpeg")
    assert not decoders()
    second = the_decoder(photo)
    monkeypatch.setattr(sandbox, "MAX_AGE", 0.0)
    probe_image(photo, "image/jpeg")
    assert not alive(second)


def test_an_idle_decoder_is_not_kept_for_ever(photo, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_IDLE", 0.1)
    # The thread that looks after them reads the figure when it next waits.
    with_a_new_pool()
    pid = the_decoder(photo)
    assert wait_until(lambda: not alive(pid))


def test_one_is_at_hand_when_it_was_prepared(photo):
    for _ in range(3):
        sandbox.prepare(Limits())
    assert wait_until(lambda: len(decoders()) == 1)
    (prepared,) = decoders()
    assert the_decoder(photo) == prepared
    sandbox.prepare(Limits())
    assert the_decoder(photo) == prepared


def test_who_asks_waits_for_the_one_that_is_coming(photo, monkeypatch):
    start = Mock(wraps=sandbox._start)
    monkeypatch.setattr(sandbox, "_start", start)
    sandbox.prepare(Limits())
    the_decoder(photo)
    assert start.call_count == 1


def test_one_that_nobody_came_for_is_not_kept(monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_IDLE", 0.1)
    with_a_new_pool()
    sandbox.prepare(Limits())
    assert wait_until(lambda: bool(decoders()))
    assert wait_until(lambda: not decoders())


def test_the_one_that_is_coming_ends_with_the_others():
    sandbox.prepare(Limits())
    sandbox.close_all()
    assert not decoders()


def test_one_that_cannot_be_prepared_is_told_to_who_asks(photo, monkeypatch):
    def fail(_memory: int) -> None:
        raise TransientFailure("decoder_unavailable", detail="no room")

    with monkeypatch.context() as now:
        now.setattr(sandbox, "_start", fail)
        sandbox.prepare(Limits())
        with pytest.raises(TransientFailure):
            probe_image(photo, "image/jpeg")
        sandbox.prepare(Limits())
    # Whoever comes later has a try of its own.
    assert wait_until(lambda: not sandbox._pool._coming)
    assert probe_image(photo, "image/jpeg").width == 400


def with_a_new_pool() -> None:
    """A new pool, as after a fork."""
    sandbox._after_fork()


def test_a_decoder_outlives_the_thread_that_asked_for_it__row_8(photo):
    """PR_SET_PDEATHSIG fires when the starting thread ends, and worker threads come and go."""
    asking = threading.Thread(target=probe_image, args=(photo, "image/jpeg"))
    asking.start()
    asking.join()
    (pid,) = decoders()
    time.sleep(0.2)
    assert the_decoder(photo) == pid


def test_it_dies_with_its_worker__row_8(photo, long_work, tmp_path):
    """Idle or busy, however the worker ends."""
    script = f"""
import django.conf; django.conf.settings.configure()
from pathlib import Path
from rindle_django.media.images import *
from rindle_django.profiles.recipes import ImageRecipe
quick, slow = ImageRecipe(width=40), ImageRecipe(width=4000, format="avif", quality=90)
folder = Path({str(tmp_path)!r})
work = render_each(
    Path({str(long_work)!r}), "image/jpeg", [(quick, folder / "quick"), (slow, folder / "slow")]
)
next(work)  # one decoder has answered and is at the slow one now, the other is idle
probe_image(Path({str(photo)!r}), "image/jpeg")
print("ready", flush=True)
input()
"""
    worker = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    with worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        theirs = decoders(worker.pid)
        assert len(theirs) == 2
        for pid in theirs:  # so that neither the end of its work nor of its input can end it
            os.kill(pid, signal.SIGSTOP)
        worker.kill()
    try:
        assert wait_until(lambda: not any(alive(pid) for pid in theirs))
    finally:
        for pid in filter(alive, theirs):
            os.kill(pid, signal.SIGKILL)


def test_a_worker_that_forks_shares_no_decoder(photo):
    script = f"""
import os
import django.conf; django.conf.settings.configure()
from pathlib import Path
from rindle_django.media.images import *
photo = Path({str(photo)!r})
probe_image(photo, "image/jpeg")
pid = os.fork()
assert probe_image(photo, "image/jpeg").width == 400
if pid == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert probe_image(photo, "image/jpeg").width == 400
"""
    done = subprocess.run(
        [
            sys.executable,
            *("-W", "error::ResourceWarning"),
            # Python 3.12 and newer warn of what this test does on purpose.
            *("-W", "ignore:This process:DeprecationWarning"),
            *("-c", script),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_service_managers_signals_do_not_interrupt_it(photo):
    pid = the_decoder(photo)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, each)
    assert the_decoder(photo) == pid


@contextmanager
def struck_down(with_signal: int, after: float) -> Iterator[None]:
    """Every decoder gets the signal so long after it appeared, as a bad file would do to it."""
    seen: dict[int, float] = {}
    done = threading.Event()

    def strike() -> None:
        while not done.wait(0.05):
            for pid in decoders():
                born = seen.setdefault(pid, time.monotonic())
                if time.monotonic() - born > after:
                    os.kill(pid, with_signal)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("with_signal", [signal.SIGSEGV, signal.SIGKILL])
def test_a_file_that_kills_its_decoder_costs_one_error__S5_row_41(
    photo, long_work, tmp_path, with_signal
):
    target = tmp_path / "out"
    with struck_down(with_signal, after=0.5), pytest.raises(ContentRefused) as caught:
        render_image(long_work, "image/jpeg", SLOW, target)
    assert caught.value.code == "decoder_killed"
    assert caught.value.params["signal"] == with_signal.name
    assert not target.exists()
    assert probe_image(photo, "image/jpeg").width == 400


def test_a_decoder_that_died_of_something_else_costs_nothing__U19(photo, tmp_path):
    """Killed from outside or damaged by an earlier file: the file in hand is not to blame."""
    for with_signal in (signal.SIGKILL, signal.SIGSEGV):
        pid = the_decoder(photo)
        os.kill(pid, with_signal)
        assert wait_until(partial(gone, pid))
        render_image(photo, "image/jpeg", ImageRecipe(width=40), tmp_path / "out")
        assert (tmp_path / "out").exists()


def test_a_file_that_takes_too_long_is_stopped_by_the_clock__S4(photo, long_work, tmp_path):
    target = tmp_path / "out"
    pid, begun = the_decoder(photo), time.monotonic()
    with pytest.raises(ContentRefused) as caught:
        render_image(long_work, "image/jpeg", SLOW, target, Limits(wall_seconds=1.0))
    assert caught.value.code == "decoder_timeout"
    assert caught.value.params["seconds"] == 1.0
    assert time.monotonic() - begun < 5
    assert not alive(pid)
    assert not target.exists()
    assert probe_image(photo, "image/jpeg").width == 400


def test_a_file_that_computes_too_long_is_stopped_by_the_kernel__S4(long_work, tmp_path):
    with pytest.raises(ContentRefused) as caught:
        render_image(long_work, "image/jpeg", SLOW, tmp_path / "out", Limits(cpu_seconds=1))
    assert caught.value.code == "decoder_timeout"
    assert caught.value.params["seconds"] == 1


def test_cpu_seconds_are_granted_anew_for_each_file(long_work, tmp_path):
    limits = Limits(cpu_seconds=1)
    recipe = ImageRecipe(width=1500, format="webp")
    for at in range(5):
        render_image(long_work, "image/jpeg", recipe, tmp_path / "out", limits)
        (pid,) = decoders()
        if at == 0:
            first = pid
    assert pid == first


def test_a_decoder_that_the_machine_stopped_costs_time_but_not_the_file__U19(photo):
    """No computing was done in that time: a frozen or starved machine, not a verdict."""
    pid = the_decoder(photo)
    os.kill(pid, signal.SIGSTOP)
    assert probe_image(photo, "image/jpeg", Limits(wall_seconds=0.5)).width == 400
    assert not alive(pid)


def test_no_decoder_to_be_had_is_nobodys_fault(photo, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with pytest.raises(TransientFailure) as caught:
        probe_image(photo, "image/jpeg", Limits(memory_bytes=8 << 20))
    assert caught.value.code == "decoder_unavailable"
    assert not decoders()
    assert not list((tmp_path / "temporary").iterdir())


def test_threads_do_not_share_a_decoder(photo, tmp_path):
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for at in range(15):
                size, target = 20 + number * 20 + at, tmp_path / f"{number}-{at}"
                done = render_image(photo, "image/jpeg", ImageRecipe(width=size), target)
                assert done.width == size
                assert opened(target).width == size
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert 1 <= len(decoders()) <= 4


class TestSeveralRecipes:
    """One source, several recipes: decoded together, blamed one by one."""

    RECIPES = (
        ImageRecipe(mode="fill", width=60, height=60),
        ImageRecipe(width=300, format="webp"),
        ImageRecipe(width=150, format="png"),
        ImageRecipe(width=75, keep_icc=True),
    )

    def jobs(self, folder: Path) -> list[tuple[ImageRecipe, Path]]:
        return [(recipe, folder / str(at)) for at, recipe in enumerate(self.RECIPES)]

    def test_outcomes_come_in_the_order_of_the_jobs(self, backend, photo, tmp_path):
        outcomes = render_images(photo, "image/jpeg", self.jobs(tmp_path), backend=backend)
        sizes = [(each.width, each.height) for each in outcomes if isinstance(each, Rendered)]
        assert sizes == [(60, 60), (300, 150), (150, 75), (75, 38)]
        for (recipe, target), outcome in zip(self.jobs(tmp_path), outcomes, strict=True):
            with Image.open(target) as image:
                assert Image.MIME[image.format or ""] == recipe.content_type
                assert isinstance(outcome, Rendered)
                assert image.size == (outcome.width, outcome.height)

    def test_small_ones_made_of_large_ones_look_as_if_made_of_the_source(self, backend, tmp_path):
        source = pictures.save(tmp_path / "x.png", pictures.noise(1600, 1200), "image/png")
        small = ImageRecipe(width=200, format="png")
        large = ImageRecipe(width=1000, format="png")
        together, alone = tmp_path / "together", tmp_path / "alone"
        render_images(
            source,
            "image/png",
            [(small, together), (large, tmp_path / "large")],
            backend=backend,
        )
        render_image(source, "image/png", small, alone, backend=backend)
        pairs = zip(
            opened(together).convert("L").tobytes(),
            opened(alone).convert("L").tobytes(),
            strict=True,
        )
        differences = [abs(a - b) for a, b in pairs]
        assert sum(differences) / len(differences) < 1.5

    def test_one_that_fails_costs_the_others_nothing(self, backend, photo, tmp_path):
        jobs = self.jobs(tmp_path)
        jobs[1] = (jobs[1][0], tmp_path / "no such folder" / "out")
        outcomes = render_images(photo, "image/jpeg", jobs, backend=backend)
        assert isinstance(outcomes[1], TransientFailure)
        assert [isinstance(each, Rendered) for each in outcomes] == [True, False, True, True]

    def test_a_source_that_is_refused_fails_them_all(self, backend, photo, tmp_path):
        outcomes = render_images(
            photo, "image/jpeg", self.jobs(tmp_path), Limits(max_pixels=10), backend=backend
        )
        assert [getattr(each, "code", None) for each in outcomes] == ["pixels_exceeded"] * 4
        assert not [target for _, target in self.jobs(tmp_path) if target.exists()]

    def test_if_the_decoder_dies_only_the_guilty_one_fails(self, long_work, tmp_path):
        jobs = [
            (ImageRecipe(width=40), tmp_path / "first"),
            (SLOW, tmp_path / "guilty"),
            (ImageRecipe(width=80), tmp_path / "last"),
        ]
        outcomes = render_images(long_work, "image/jpeg", jobs, Limits(wall_seconds=1.0))
        assert isinstance(outcomes[0], Rendered)
        assert isinstance(outcomes[1], ContentRefused)
        assert outcomes[1].code == "decoder_timeout"
        assert isinstance(outcomes[2], Rendered)
        assert not (tmp_path / "guilty").exists()

    def test_more_than_a_batch(self, photo, tmp_path):
        jobs = [(ImageRecipe(width=10 + at), tmp_path / str(at)) for at in range(70)]
        outcomes = render_images(photo, "image/jpeg", jobs)
        assert [each.width for each in outcomes if isinstance(each, Rendered)] == [
            10 + at for at in range(70)
        ]

    def test_none_at_all(self, photo):
        assert render_images(photo, "image/jpeg", []) == []
