"""A site at work: the library as it ships, real worker processes, a durable Postgres.

What is measured begins with uploads that have arrived, and ends when the database has told, on the
channel that the library uses for its own pages, of the last change.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes import cpu_seconds, family, is_decoder, parent_of

if TYPE_CHECKING:
    import psycopg

CHANNEL = "rindle_progress"
PATIENCE = 600.0
# How often the rows are looked at; when the last of them changed is known more exactly.
LOOK_EVERY = 0.2


@contextmanager
def running_site(
    settings: str = "benchmarks.images.settings", server: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Django, set up on a database of its own; gives the folder where all files of the run are.

    ``server`` has settings of the database server.
    """
    from example_project.services.postgres import running_postgres

    with tempfile.TemporaryDirectory(prefix="rindle-site-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database server has a user of its own
        with running_postgres(folder / "postgres", database="site", settings=server) as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": settings,
                "BENCHMARK_FOLDER": str(folder),
            }
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
            yield folder
            connections.close_all()


@dataclass(frozen=True)
class Crew:
    """Worker processes, each with one job at a time."""

    processes: Sequence[subprocess.Popen[bytes]]

    def cpu_seconds(self) -> dict[str, float]:
        """What everybody who takes part has used of processors by now; nothing but on Linux."""
        if not sys.platform.startswith("linux"):
            return {}
        used = {"callers": time.process_time(), "workers": 0.0, "decoders": 0.0}
        for worker in self.processes:
            for pid in family(worker.pid):
                used["decoders" if is_decoder(pid) else "workers"] += cpu_seconds(pid)
        return used | {"Postgres": sum(map(cpu_seconds, family(_postmaster())))}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody takes a job meanwhile."""
        for each in self.processes:
            each.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for each in self.processes:
                each.send_signal(signal.SIGCONT)


@contextmanager
def workers(
    count: int, folder: Path, more: Mapping[str, str] | None = None, through: str = "django"
) -> Iterator[Crew]:
    """Workers that wait for jobs. ``more`` is added to their environment, and ``through`` is the
    module that runs the command."""
    command = [sys.executable, "-m", through, "procrastinate", "worker", "--concurrency", "1"]
    environment = {**os.environ, **(more or {})}
    with (folder / "workers.log").open("ab") as out:
        crew = Crew(
            [
                subprocess.Popen(command, env=environment, stdout=out, stderr=out)
                for _ in range(count)
            ]
        )
    try:
        _await_workers(crew)
        yield crew
    finally:
        for each in crew.processes:
            each.terminate()
        for each in crew.processes:
            each.wait()


def _postmaster() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return parent_of(cursor.fetchone()[0])


def _await_workers(crew: Crew) -> None:
    from django.db import connection

    began = time.perf_counter()
    listening = 0
    while listening < len(crew.processes):
        if time.perf_counter() - began > PATIENCE or any(
            each.poll() is not None for each in crew.processes
        ):
            raise RuntimeError("the workers do not start: see their log")
        time.sleep(0.1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN %procrastinate%'"
            )
            listening = cursor.fetchone()[0]


def arrived(photo: Path) -> str:
    """Upload a photo as a client would; returns its ticket, which is still to be verified."""
    from rindle_django import initiate_upload, sign_upload
    from rindle_django.models import StoredObject
    from rindle_django.storage import adapter_for

    size = photo.stat().st_size
    ticket = initiate_upload(
        "benchmark-photo", filename=photo.name, content_type="image/jpeg", byte_size=size
    )
    sign_upload(ticket.ticket)
    staging = StoredObject.objects.get(asset_id=ticket.asset_id, purpose="staging")
    with photo.open("rb") as stream:
        adapter_for(staging.storage).put_stream(
            staging.key,
            iter(lambda: stream.read(1 << 20), b""),
            length=size,
            content_type="image/jpeg",
            limit=size,
        )
    return str(ticket.ticket)


def verify(ticket: str) -> Any:
    """The id of the asset, whose work has been handed to the workers."""
    from rindle_django import verify_upload

    return verify_upload(ticket).pk


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and of processors by who used them."""

    seconds: float
    used: Mapping[str, float]


def make_variants(photos: Sequence[Path], crew: Crew) -> Took:
    """From the first verification until all variants of all photos are ready."""
    return finish([arrived(photo) for photo in photos], crew)


def finish(tickets: Sequence[str], crew: Crew) -> Took:
    """The same for photos that have arrived."""
    with Ear() as ear:
        before = crew.cpu_seconds()
        began = time.perf_counter()
        identities = [verify(ticket) for ticket in tickets]
        seconds = ear.all_ready(identities) - began
    return Took(seconds, {who: used - before[who] for who, used in crew.cpu_seconds().items()})


class Ear:
    """Hears of changes as the library's own pages do: nobody asks all the time, which would take
    processor time from the workers."""

    def __enter__(self) -> Ear:
        import psycopg
        from django.db import connection

        connection.ensure_connection()
        parameters = connection.get_connection_params()
        parameters.pop("cursor_factory", None)
        parameters.pop("context", None)
        self.connection: psycopg.Connection[Any] = psycopg.connect(**parameters, autocommit=True)
        self.connection.execute(f"LISTEN {CHANNEL}")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def all_ready(self, identities: Sequence[Any]) -> float:
        """When the last of these assets became ready, on ``time.perf_counter``."""
        from rindle_django.models import Asset

        began = last = time.perf_counter()
        while True:
            look = time.perf_counter() + LOOK_EVERY
            while (left := look - time.perf_counter()) > 0:
                for _ in self.connection.notifies(timeout=left, stop_after=1):
                    last = time.perf_counter()
            if Asset.objects.filter(pk__in=identities, state="ready").count() == len(identities):
                return last
            if time.perf_counter() - began > PATIENCE:
                raise RuntimeError("the photos do not become ready: see the workers' log")

    def first_variant(self, identity: Any) -> tuple[float, str]:
        """When a variant of the asset was seen to be ready, and the name of that variant."""
        from rindle_django.models import Variant

        ready = Variant.objects.filter(asset_id=identity, state="ready").order_by("generated_at")
        while True:
            if (name := ready.values_list("name", flat=True).first()) is not None:
                return time.perf_counter(), name
            if not list(self.connection.notifies(timeout=PATIENCE, stop_after=1)):
                raise RuntimeError("no variant becomes ready: see the workers' log")
