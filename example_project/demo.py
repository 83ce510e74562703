"""The first thing to run: the example site with real workers, and the way of a photo and a video.

python -m example_project.demo [--once] [--all] [--port N]
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # started by its path, Python has this folder there instead

from example_project.services.children import ChildDied  # noqa: E402
from example_project.services.ports import free_port  # noqa: E402
from example_project.services.postgres import PostgresFailed  # noqa: E402
from example_project.services.site import ADMIN, Site, running_site  # noqa: E402

PHOTOS = ROOT / "example_project" / "photos"
SHOWN = (PHOTOS / "dandelion.jpg", PHOTOS / "closer.mp4")
NOT_PHOTOS = frozenset({".py", ".md"})
USUAL_PORT = 8000


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    port = options.port or free_port(0 if options.once else USUAL_PORT)
    started = time.monotonic()
    try:
        with running_site(options.var, port=port) as site:
            print(f"Postgres, three workers and the web server run ({_since(started)}).\n")
            succeeded = show(site, list(chosen(everything=options.all)))
            if not options.once:
                stay(site)
    except (ChildDied, PostgresFailed) as problem:
        print(f"FAILED: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130 if options.once else 0
    print(f"Done in {_since(started)}.")
    return 0 if succeeded else 1


def show(site: Site, photos: Sequence[tuple[Path, bool]]) -> bool:
    """Take the files through the site as its visitor would, and tell; whether all went well."""
    # Models can be imported only now that Django is set up.
    from example_project.visit.journey import travel
    from example_project.visit.report import report, verdict
    from example_project.visit.visitor import Visitor

    visitor = Visitor(site.address)
    visitor.arrive()
    journeys = []
    for photo, broken in photos:
        journey = travel(visitor, photo, broken=broken, watch=site.children.check)
        print("\n".join(report(journey)), flush=True)
        journeys.append(journey)
    site.children.check()
    print(verdict(journeys), flush=True)
    return all(journey.as_expected for journey in journeys)


def chosen(*, everything: bool) -> Iterator[tuple[Path, bool]]:
    """The files to show, each with whether it is broken."""
    if not everything:
        yield from ((path, False) for path in SHOWN)
        return
    for folder, broken in ((PHOTOS, False), (PHOTOS / "broken", True)):
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.suffix not in NOT_PHOTOS:
                yield path, broken


def stay(site: Site) -> None:
    """Leave the site up until Ctrl-C."""
    name, password = ADMIN
    print(
        f"\nGallery  {site.address}/\n"
        f"Admin    {site.address}/admin/  ({name} / {password})\n"
        f"Logs     {site.children.logs}\n\n"
        "Ctrl-C ends it.",
        flush=True,
    )
    while True:
        site.children.check()
        time.sleep(0.5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m example_project.demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="end after the report; 0 if all is well"
    )
    parser.add_argument("--all", action="store_true", help="every sample file, also the broken")
    parser.add_argument("--port", type=int, default=0, help="of the web server")
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "example", help="for all data")
    return parser


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
