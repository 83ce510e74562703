"""A busy site while it is verified: at every step of a scan, somebody does something else.

    python -m tests.verify_storage.weather --operations 100000

Judges by what must never be: a deletion of anything that a row expects, an adoption of anything
but what was planted.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.verify_storage.million import django_at

OPERATIONS = (
    *("begin", "write", "write", "confirm", "confirm", "give_up", "attach", "detach"),
    *("discard", "purge", "sweep", "plant", "haunt"),
)
LIMIT = 4  # keys on a page, so that there is much in between


class Site:
    """Assets of one original each, and all who work on them. ``choose`` says whom it befalls."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.planted: set[str] = set()
        self.adopted: set[str] = set()
        self.faults: list[str] = []
        self.done: Counter[str] = Counter()

    def do(self, operation: str) -> None:
        self.done[operation] += 1
        getattr(self, operation)()

    def _any(self, rows: Any) -> Any:
        found = list(rows.order_by("created_at", "pk")[:50])
        return found[self.choose(len(found))] if found else None

    def _object(self, *states: str) -> Any:
        from rindle_django.models import StoredObject

        return self._any(StoredObject.objects.filter(state__in=states))

    def _asset(self) -> Any:
        from rindle_django.models import Asset

        return self._any(Asset.objects.filter(state="ready"))

    # --- what happens on a site ----------------------------------------------------------------

    def begin(self) -> None:
        """A writer writes its key down."""
        from rindle_django import ledger
        from tests.rows import asset_in

        ledger.expect(asset_in("ready"), "original", settles_in=3600)

    def write(self) -> None:
        """It writes, perhaps a second time, perhaps after it was given up."""
        from rindle_django.errors import RequestRefused
        from rindle_django.storage import adapter_for

        stored = self._object("expected")
        if stored is not None:
            try:
                adapter_for("default").put_stream(
                    stored.key, [b"x"], length=1, content_type="a/b", limit=1
                )
            except RequestRefused:
                return

    def confirm(self) -> None:
        """It publishes what it wrote."""
        from rindle_django import ledger
        from rindle_django.errors import RequestRefused
        from rindle_django.lifecycle import locked
        from rindle_django.models import Asset
        from rindle_django.storage import adapter_for

        stored = self._object("expected")
        if stored is None or adapter_for("default").stat(stored.key) is None:
            return
        try:
            with locked(stored.asset_id) as asset:
                if asset.state == "ready" and ledger.confirm(stored, byte_size=1):
                    Asset.objects.filter(pk=asset.pk).update(original=stored)
        except RequestRefused:
            return

    def give_up(self) -> None:
        from rindle_django import ledger

        stored = self._object("expected")
        if stored is not None:
            ledger.doom([stored], settled=True)

    def attach(self) -> None:
        from rindle_django import attach
        from rindle_django.errors import RequestRefused
        from tests.app.models import Article

        asset = self._asset()
        if asset is not None:
            try:
                attach(Article.objects.create(), "cover", asset)
            except RequestRefused:
                return

    def detach(self) -> None:
        from rindle_django import detach
        from rindle_django.models import Attachment

        attachment = self._any(Attachment.objects.all())
        if attachment is not None:
            detach(attachment.owner, "cover")

    def discard(self) -> None:
        from rindle_django.errors import RequestRefused
        from rindle_django.purge import discard

        asset = self._asset()
        if asset is not None:
            try:
                discard(asset.pk)
            except RequestRefused:
                return

    def purge(self) -> None:
        from rindle_django.purge import purge

        stored = self._object("doomed")
        if stored is not None:
            purge(stored.asset_id)

    def sweep(self) -> None:
        from rindle_django.operations.cleanup import cleanup_orphans
        from rindle_django.operations.reconcile import reconcile
        from rindle_django.testing import drain_jobs

        cleanup_orphans(dry_run=False, storage="default", limit=3)
        reconcile(limit=3)
        drain_jobs(early=True, limit=5)

    def plant(self) -> None:
        from tests.verify_storage.scene import key_of_ours, stray

        self.planted.add(stray(key_of_ours("originals")))

    def haunt(self) -> None:
        """A writer that was given up for dead wakes up and writes."""
        from rindle_django.storage import adapter_for
        from tests.verify_storage.scene import stray

        stored = self._object("gone")
        if stored is not None and adapter_for("default").stat(stored.key) is None:
            stray(stored.key)

    # --- the scan, and who comes in between ----------------------------------------------------

    def verify_among(self, operations: Iterator[str], every: int) -> None:
        """One scan; at each of its steps whatever is next."""
        from rindle_django.operations.verify import compare, remedy
        from tests.verify_storage.scene import verify

        steps = 0

        def somebody() -> None:
            nonlocal steps
            steps += 1
            if steps % every == 0 and (operation := next(operations, None)) is not None:
                self.do(operation)

        with (
            _before(compare, "_compare", somebody),
            _before(compare, "_looked_up", somebody),
            _before(remedy, "_adopt", somebody),
            _before(remedy, "_lay_to_rest", somebody),
            patch.object(compare, "PAGE", LIMIT),
            self._watched(),
        ):
            verify(rules={"max_share": 1})

    def _saw_adoption(self, key: str, *, adopted: bool) -> None:
        self.adopted |= {key} if adopted else set()
        if adopted and key not in self.planted:
            self.faults.append(f"adopted {key}")

    def _saw_deletion(self, keys: Sequence[str]) -> None:
        from rindle_django.models import StoredObject

        rows = StoredObject.objects.filter(key__in=keys).values_list("key", "state")
        states = dict(rows)
        for key in keys:
            if states.get(key) not in ("doomed", "gone"):
                self.faults.append(f"deleted {key}, which is {states.get(key)}")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Nothing is adopted and nothing is deleted unseen."""
        from rindle_django import ledger
        from rindle_django.storage.filesystem import FileSystemAdapter

        adopt, delete = ledger.adopt, FileSystemAdapter.delete

        def adopting(storage: str, key: str, **terms: Any) -> bool:
            adopted = adopt(storage, key, **terms)
            self._saw_adoption(key, adopted=adopted)
            return adopted

        def deleting(adapter: FileSystemAdapter, keys: Sequence[str]) -> Any:
            self._saw_deletion(keys)
            return delete(adapter, keys)

        with (
            patch.object(ledger, "adopt", adopting),
            patch.object(FileSystemAdapter, "delete", deleting),
        ):
            yield

    # --- judgement -----------------------------------------------------------------------------

    def judged(self) -> list[str]:
        """All that is wrong, after two more runs in calm weather."""
        from rindle_django.models import StoredObject
        from rindle_django.testing import drain_jobs
        from tests.verify_storage.scene import keys_in, verify

        with self._watched():
            for _ in range(2):
                verify(rules={"max_share": 1}, from_start=True)
        drain_jobs(early=True)
        left = keys_in()
        rows = StoredObject.objects.filter(state="present").values_list("key", flat=True)
        gone = StoredObject.objects.filter(state="gone").values_list("key", flat=True)
        return [
            *self.faults,
            *(f"{key} was present, and is lost" for key in set(rows) - left),
            *(f"{key} was planted, and not found" for key in self.planted & left),
            *(f"{key} was planted, and not adopted" for key in self.planted - self.adopted),
            *(f"{key} is gone, and there" for key in set(gone) & left),
        ]


@contextmanager
def _before(owner: Any, name: str, act: Callable[[], None]) -> Iterator[None]:
    step = getattr(owner, name)

    def stepped(*args: Any, **kwargs: Any) -> Any:
        act()
        return step(*args, **kwargs)

    with patch.object(owner, name, stepped):
        yield


def clear_away() -> None:
    from django.db import connection

    tables = "rindle_storagescan, rindle_sighting, rindle_storedobject, rindle_asset"
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}, procrastinate_jobs RESTART IDENTITY CASCADE")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="rindle-weather-"))
    done: Counter[str] = Counter()
    faults: list[str] = []
    found = planted = round_ = 0
    try:
        with django_at(root):
            while done.total() < options.operations and not faults:
                chance = random.Random(f"{options.seed}:{round_}")
                site = one_round(chance, min(200, options.operations - done.total()), root)
                faults += site.judged()
                done += site.done
                found, planted = found + len(site.adopted), planted + len(site.planted)
                round_ += 1
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(*faults, sep="\n")
    print(", ".join(f"{name}: {count}" for name, count in sorted(done.items())))
    print(
        f"operations: {done.total()} rounds: {round_} seed: {options.seed}"
        f" live deletions: {len(faults)} orphans: {found}/{planted}"
    )
    return 1 if faults or found != planted else 0


def one_round(chance: random.Random, count: int, root: Path) -> Site:
    clear_away()
    shutil.rmtree(root)
    root.mkdir()
    site = Site(lambda number: chance.randrange(number))
    operations = iter([chance.choice(OPERATIONS) for _ in range(count)])
    for operation in ("begin", "write", "confirm", "plant"):
        site.do(operation)
    while site.done.total() < count:
        before = site.done.total()
        site.verify_among(operations, every=chance.randint(1, 4))
        if site.done.total() == before:  # too short a scan for anybody to come in between
            site.do(next(operations, "sweep"))
    return site


if __name__ == "__main__":
    sys.exit(main())
