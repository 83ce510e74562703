"""Files in, endings out. Imported once Django is set up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from django.core.files import File

from rindle_django import upload
from rindle_django.errors import RindleError
from rindle_django.models import Asset, Variant
from rindle_django.states import ABSORBING_ASSET_STATES
from tests.matrix.crew import Crew
from tests.matrix.ending import Ending

AT_ONCE = 3
# By then something is wrong with the workers, and not with a file.
TOO_MANY = 20
LOOK_EVERY = 0.1
AT_REST = ABSORBING_ASSET_STATES | {"ready", "degraded"}


def endings(files: Sequence[Path], crew: Crew, patience: float) -> Iterator[Ending]:
    """How each file ends, as it does; one that has not after ``patience`` seconds is stuck."""
    waiting, under_way = list(files), dict[Path, tuple[Asset, float]]()
    while (waiting or under_way) and crew.deaths <= TOO_MANY:
        crew.look_after()
        while waiting and len(under_way) < AT_ONCE:
            path, began = waiting.pop(0), time.monotonic()
            entered = _enter(path)
            if isinstance(entered, Asset):
                under_way[path] = entered, began
            else:
                yield Ending(path, "refused", entered.code, time.monotonic() - began)
        for path, (asset, began) in list(under_way.items()):
            asset.refresh_from_db()
            took = time.monotonic() - began
            if asset.state in AT_REST or took > patience:
                del under_way[path]
                yield Ending(path, asset.state, _code_of(asset), took)
        time.sleep(LOOK_EVERY)
    for path in [*under_way, *waiting]:
        yield Ending(path, "stuck", "no_workers", 0.0)


def _enter(path: Path) -> Asset | RindleError:
    try:
        with closing(File(path.open("rb"), name=path.name)) as file:
            return upload("anything", file)
    except RindleError as error:
        return error


def _code_of(asset: Asset) -> str:
    """The asset's own reason, or those of the variants that failed."""
    if asset.reason_code:
        return asset.reason_code
    failed = Variant.objects.filter(asset=asset, state="failed").order_by("name")
    return ",".join(sorted(set(failed.values_list("reason_code", flat=True))))
