"""``python -m tests.matrix [DIR]``"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from example_project.services.postgres import running_postgres
from tests.matrix.ending import Ending, How, summary
from tests.matrix.ours import collect


def main() -> int:
    chosen = _parse()
    with tempfile.TemporaryDirectory(prefix="rindle-matrix-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database server has a user of its own
        for each in ("media", "work", "clips"):
            (folder / each).mkdir()
        expected = {} if chosen.folder else collect(folder / "clips")
        files = list(_media_in(chosen.folder or folder / "clips"))
        with running_postgres(folder / "postgres", database="matrix") as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "tests.matrix.settings",
                "MATRIX_FOLDER": str(folder),
            }
            return _run(files, expected, folder / "workers.log", chosen.patience)


def _run(files: list[Path], expected: dict[str, How], log: Path, patience: float) -> int:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    from tests.matrix.crew import crew
    from tests.matrix.run import endings

    found: list[Ending] = []
    with crew(log) as members:
        for ending in endings(files, members, patience):
            print(ending, flush=True)
            found.append(ending)
        deaths = members.deaths
    if deaths:
        print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
    wrong = [each for each in found if not each.is_as(expected.get(each.path.name))]
    for each in wrong:
        print(f"{each.path.name} should have been {' '.join(expected[each.path.name])}")
    print(summary(found, deaths), flush=True)
    stuck = any(each.counted_as == "stuck" for each in found)
    return 1 if deaths or stuck or wrong or len(found) < len(expected) else 0


def _media_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_media(path):
            yield path


def _is_media(path: Path) -> bool:
    """Whether it looks like media, by its name or by its first bytes."""
    from mimetypes import guess_type

    from rindle_django.media.sniff import sniff

    with path.open("rb") as stream:
        looks = (sniff(stream.read(64 * 1024)), guess_type(path.name)[0])
    return any(each and each.split("/")[0] in ("image", "video", "audio") for each in looks)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("folder", nargs="?", type=Path, help="instead of our own files")
    parser.add_argument("--patience", type=float, default=900, help="seconds that a file may take")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
