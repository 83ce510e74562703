"""The others at work: as many processes as we have, each with its share of the photos."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


def seconds_of(name: str, photos: Sequence[Path], processes: int) -> tuple[float, float]:
    """How long ``name`` takes for all photos, once its processes are ready: on the clock, and of
    processors."""
    with tempfile.TemporaryDirectory(prefix="rindle-peers-") as place:
        copies = [Path(shutil.copy(photo, place)) for photo in photos]
        hands = [_hand(name, place) for _ in range(processes)]
        try:
            for hand in hands:
                _hear(hand, "ready")
            for number, hand in enumerate(hands):
                _warm_up(hand, Path(shutil.copy(photos[0], f"{place}/warm-up{number}.jpg")))
            began = time.perf_counter()
            for number, hand in enumerate(hands):
                assert hand.stdin is not None
                hand.stdin.writelines(f"{path}\n" for path in copies[number::processes])
                hand.stdin.close()
            for hand in hands:
                if hand.wait() != 0:
                    raise RuntimeError(f"{name} failed")
            return time.perf_counter() - began, sum(map(_said, hands))
        finally:
            for hand in hands:
                hand.kill()
                hand.wait()


def _hand(name: str, place: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.images.hand", name, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _warm_up(hand: subprocess.Popen[str], photo: Path) -> None:
    """A photo under a name of its own: some would find its outputs again."""
    assert hand.stdin is not None
    assert hand.stdout is not None
    hand.stdin.write(f"{photo}\n")
    hand.stdin.flush()
    hand.stdout.readline()


def _said(hand: subprocess.Popen[str]) -> float:
    assert hand.stdout is not None
    return sum(float(line) for line in hand.stdout)


def _hear(hand: subprocess.Popen[str], word: str) -> None:
    assert hand.stdout is not None
    if hand.stdout.readline().strip() != word:
        raise RuntimeError("a process did not start")
