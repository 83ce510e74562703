"""The command on a handful of files; it takes all of ours, or any folder, when it is called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.av import clips
from tests.matrix.ending import Ending, summary
from tests.matrix.ours import BROKEN_PHOTOS, CLIPS, PHOTOS, WRITTEN

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"(\w+) +(\S+) +([\d.]+) s  (.+)")


def test_good_odd_and_hostile_files_end_as_they_should__and_no_worker_dies(tmp_path: Path):
    chosen = {
        make().name: (make(), CLIPS[make])
        for make in (clips.phone_video, clips.podcast, clips.without_index)
    }
    name = "cut-short.jpg"
    chosen[name] = PHOTOS / "broken" / name, BROKEN_PHOTOS[name]
    for path, _ in chosen.values():
        shutil.copy(path, tmp_path)
    content, how = WRITTEN["playlist.mp4"]
    (tmp_path / "playlist.mp4").write_bytes(content)
    (tmp_path / "letter.txt").write_text("Not media, and left out.")

    done = _run(tmp_path)

    *lines, last = done.stdout.splitlines()
    assert last == "files: 5 ready: 2 quarantined: 2 failed: 1 stuck: 0 worker deaths: 0", done
    told = {path: (state, code) for state, code, _, path in map(_parts, lines)}
    expected = {path: (how[0], how[1] or "-") for path, (_, how) in chosen.items()}
    assert told == expected | {"playlist.mp4": how}
    assert done.returncode == 0


def test_every_clip_of_ours_is_in_the_matrix():
    made = {each for each in vars(clips).values() if getattr(each, "cache_info", None)}
    assert made - {clips.folder, clips.cover} == set(CLIPS)


def test_who_does_not_come_to_an_end_is_stuck():
    ending = Ending(Path("a.mp4"), "transcoding", "", 900.0)
    assert summary([ending], 1).endswith("failed: 0 stuck: 1 worker deaths: 1")


def _parts(line: str) -> tuple[str, str, str, str]:
    found = LINE.fullmatch(line)
    assert found is not None, line
    state, code, seconds, name = found.groups()
    return state, code, seconds, name


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", "tests.matrix", str(folder)],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
