"""Where a pair begins: rows and files as the pipeline itself made them, brought back in a moment.

Each stage is played once through the public API and kept in tables of its own; a schedule begins by
copying them back, which costs a few milliseconds instead of a run of the pipeline.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.db import connection

from rindle_django import attach, detach, initiate_upload, sign_upload, upload, verify_upload
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Variant
from rindle_django.operations.cleanup import abort_incomplete_uploads
from rindle_django.processing.aggregate import settle_asset
from rindle_django.testing import drain_jobs
from tests.app.models import Article, Tag
from tests.durability.model.contents import FILES, LENGTH
from tests.durability.model.rest import go_round, something_waits
from tests.durability.model.world import TABLES, folder, use_recipes
from tests.durability.passing_time import let_pass
from tests.kit import named, stage

SOUND, OTHER = FILES[0].content, FILES[1].content
# Whoever reads a ticket has a client's view: an upload of ann's, of 400 bytes.
DECLARED = {"filename": "photo.png", "content_type": "image/png", "byte_size": LENGTH}


@dataclass(frozen=True)
class Scene:
    """What the operations of a pair find, by id. The asset is the one that both are about."""

    asset: str
    ticket: str
    put_url: str
    article: int
    other_article: int
    spare: str


def wipe() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DELETE)
    shutil.rmtree(folder(), ignore_errors=True)
    folder().mkdir()


# --- the stages, each going on from the one before ---------------------------------------------


def _open(content: bytes | None) -> tuple[str, str, str]:
    ticket = initiate_upload("photo", **DECLARED)  # type: ignore[arg-type]
    url = sign_upload(ticket.ticket).url
    if content is not None:
        stage(ticket.asset_id, content)
    return ticket.asset_id, ticket.ticket, str(url)


def _signed() -> tuple[str, str, str]:
    return _open(None)


def _arrived() -> tuple[str, str, str]:
    return _open(SOUND)


def _ended() -> tuple[str, str, str]:
    """Expired, with bytes that cleanup may take: the time of late writers is over."""
    found = _arrived()
    let_pass(10_000)
    abort_incomplete_uploads()
    return found


def _verified() -> tuple[str, str, str]:
    found = _arrived()
    verify_upload(found[1])
    return found


def _promoted() -> tuple[str, str, str]:
    found = _verified()
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    return found


def _ready() -> tuple[str, str, str]:
    found = _verified()
    _come_to_rest()
    return found


def _come_to_rest() -> None:
    """What was staged is deleted for good, so that no schedule has to do it again."""
    drain_jobs()
    while something_waits():
        let_pass(10_000)
        go_round()


def _degraded() -> tuple[str, str, str]:
    found = _ready()
    with locked(found[0]) as asset:
        for variant in Variant.objects.filter(asset=asset, name="dot"):
            variant.asset = asset
            transition(variant, "missing")
        settle_asset(asset)
    return found


STAGES: dict[str, Callable[[], tuple[str, str, str]]] = {
    "signed": _signed,
    "arrived": _arrived,
    "ended": _ended,
    "verified": _verified,
    "promoted": _promoted,
    "ready": _ready,
    "degraded": _degraded,
}
# Where the asset can be "attached" to the article when the pair begins, or "unwanted" by it.
BONDABLE = frozenset({"verified", "promoted", "ready", "degraded"})


class Stage:
    """One stage with one bond, played once and kept."""

    def __init__(self, name: str, bond: str) -> None:
        self.schema = f"kept_{name}_{bond}"
        self.files = folder().with_name(self.schema)
        wipe()
        use_recipes(0)
        article, other = Article.objects.create(), Article.objects.create()
        spare = upload("photo", named(OTHER, "photo.png"))
        _come_to_rest()
        asset, ticket, url = STAGES[name]()
        if bond != "free":
            attach(article, "cover", asset)
        if bond == "unwanted":
            detach(article, "cover")
        self.scene = Scene(asset, ticket, url, article.pk, other.pk, str(spare.pk))
        self._keep()

    def _keep(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
            cursor.execute(f"CREATE SCHEMA {self.schema}")
            for table in TABLES:
                cursor.execute(f"CREATE TABLE {self.schema}.{table} AS TABLE public.{table}")
        shutil.rmtree(self.files, ignore_errors=True)
        shutil.copytree(folder(), self.files)

    def set(self) -> Scene:
        """Everything as it was kept. The copying is no event: no guard and no key looks at it."""
        back = ";".join(f"INSERT INTO {each} SELECT * FROM {self.schema}.{each}" for each in TABLES)
        with connection.cursor() as cursor:
            cursor.execute(
                f"BEGIN; SET LOCAL session_replication_role = replica; {_DELETE}; {back}; COMMIT"
            )
        shutil.rmtree(folder(), ignore_errors=True)
        shutil.copytree(self.files, folder())
        return self.scene


_DELETE = ";".join(f"DELETE FROM {table}" for table in TABLES)


def warm_up() -> None:
    """Types of content are looked up once for ever: not while a schedule counts statements."""
    for model in (Article, Tag):
        ContentType.objects.get_for_model(model)
