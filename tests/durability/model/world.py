"""The library as those outside use it: named uploads and owners, calls and their outcomes, and
what can be seen in the database and the storage afterwards."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, models
from django.test import RequestFactory, override_settings
from django.urls import resolve

import rindle_django
from rindle_django import ImageRecipe, UploadTicket
from rindle_django.errors import RindleError
from rindle_django.models import Asset, UploadSession
from rindle_django.storage import adapter_for, registry
from tests.app.media import Guarded, Photo
from tests.app.models import Article, Tag
from tests.durability.model import reference, weather
from tests.durability.model.contents import File
from tests.durability.model.reference import OK, SLOTS
from tests.kit import files_in, named, stage

TABLES = (
    *("rindle_attachment", "rindle_processingrun", "rindle_transition", "rindle_uploadsession"),
    *("rindle_variant", "rindle_asset", "rindle_storedobject", "app_article", "app_tag"),
    *("auth_group", "procrastinate_periodic_defers", "procrastinate_events", "procrastinate_jobs"),
)
RECIPES = tuple(
    {
        "dot": ImageRecipe(mode="fill", width=side, height=side, format="png"),
        "line": ImageRecipe(width=side + 3, format="png"),
    }
    for side in (3, 4)
)
WIDTHS = {recipe.digest(): recipe.width for recipes in RECIPES for recipe in recipes.values()}
OWNERS: dict[str, type[models.Model]] = {
    "article1": Article,
    "article2": Article,
    "tag1": Tag,
    "group1": Group,
}
PHASES = {
    "staged": reference.STAGED,
    **dict.fromkeys(("validating", "analyzing", "promoting"), reference.PENDING),
    **dict.fromkeys(("available", "processing", "ready", "degraded"), reference.LIVE),
    "quarantined": reference.REFUSED,
    "deleted": reference.DELETED,
}
_EVERYTHING = """
WITH assets AS (SELECT json_build_array(id, state, purge_requested_at) AS row FROM rindle_asset),
sessions AS (SELECT json_build_array(asset_id, state) AS row FROM rindle_uploadsession),
variants AS (
    SELECT json_build_array(asset_id, name, state, object_id, published_digest) AS row
    FROM rindle_variant
),
attachments AS (
    SELECT json_build_array(t.model, a.owner_id, a.slot, a.asset_id) AS row
    FROM rindle_attachment a JOIN django_content_type t ON t.id = a.owner_type_id
    ORDER BY a.position
)
SELECT json_build_object(
    'assets', (SELECT coalesce(json_agg(row), '[]') FROM assets),
    'sessions', (SELECT coalesce(json_agg(row), '[]') FROM sessions),
    'variants', (SELECT coalesce(json_agg(row), '[]') FROM variants),
    'attachments', (SELECT coalesce(json_agg(row), '[]') FROM attachments)
)
"""
_requests = RequestFactory()


def folder() -> Path:
    """Where the default storage keeps its files."""
    storages: dict[str, Any] = dict(settings.STORAGES)
    return Path(storages["default"]["OPTIONS"]["location"])


@contextmanager
def small_pictures() -> Iterator[None]:
    """Profiles whose variants cost a few milliseconds."""
    before = Photo.variants, Guarded.variants
    use_recipes(0)
    try:
        yield
    finally:
        Photo.variants, Guarded.variants = before


@contextmanager
def weathered() -> Iterator[None]:
    """The default storage out in the weather."""
    here = weather.__name__
    registry.register_adapter(f"{here}.WeatheredStorage", f"{here}.WeatheredAdapter")
    storages: dict[str, Any] = dict(settings.STORAGES)
    storages["default"] = {**storages["default"], "BACKEND": f"{here}.WeatheredStorage"}
    try:
        outside = override_settings(STORAGES=storages)
        with small_pictures(), outside:
            yield
    finally:
        del registry.ADAPTERS[f"{here}.WeatheredStorage"]
        registry.reset()


def prepared(query: str) -> list[Any]:
    """Rows of a query that is asked after every step, and so is planned once only."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection).execute(query, prepare=True).fetchall()


def use_recipes(number: int) -> None:
    Photo.variants = {**RECIPES[number]}
    Guarded.variants = {"line": RECIPES[number]["line"]}


def outcome_of(call: Callable[[], object]) -> str:
    """``ok``, or the code of the library's error. Any other error is a fault and passes."""
    try:
        call()
    except RindleError as error:
        return error.code
    return OK


class Output(NamedTuple):
    """A variant as it is seen: its state, what is served of it, by which recipe."""

    state: str
    object_id: Any
    digest: str


@dataclass
class Sight:
    """What the database shows of each upload by name; an asset that is gone is not in it."""

    phases: dict[str, str]
    states: dict[str, str]
    sessions: dict[str, str]
    unwanted: set[str]
    outputs: dict[str, dict[str, Output]]
    slots: dict[tuple[str, str], list[str]]


class World:
    def __init__(self) -> None:
        self.tickets: dict[str, UploadTicket] = {}
        self.asset_ids: dict[str, str] = {}
        self.puts: dict[str, Any] = {}
        self._wipe()
        self.keys = {name: str(self._born(name)) for name in SLOTS}

    def _wipe(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
        self.folder.mkdir(exist_ok=True)  # an empty disk, not one that is not mounted
        for key in files_in(self.folder):
            (self.folder / key).unlink()
        weather.WEATHER.clear_up()
        use_recipes(0)

    @property
    def folder(self) -> Path:
        return folder()

    # --- owners --------------------------------------------------------------------------------

    def _born(self, name: str) -> Any:
        owner = OWNERS[name]
        if owner is Tag:
            return Tag.objects.create(slug=name).pk
        return (Group.objects.create(name=name) if owner is Group else Article.objects.create()).pk

    def owner(self, name: str) -> models.Model:
        """The owner as somebody holds it who read it a while ago: perhaps it is not there now."""
        owner = OWNERS[name](pk=self.keys[name])
        owner._state.adding = False
        return owner

    def revive(self, name: str) -> None:
        self.keys[name] = str(self._born(name))

    # --- clients -------------------------------------------------------------------------------

    def begin(
        self, name: str, profile: str, actor: str | None, size: int, declared: File | None
    ) -> str:
        def call() -> None:
            ticket = rindle_django.initiate_upload(
                profile,
                filename="photo.png",
                content_type="image/png",
                byte_size=size,
                sha256=declared.sha256 if declared else "",
                actor=actor,
            )
            self.tickets[name], self.asset_ids[name] = ticket, ticket.asset_id

        return outcome_of(call)

    def send_through_server(self, name: str, profile: str, actor: str | None, file: File) -> str:
        before = list(Asset.objects.values_list("pk", flat=True))
        outcome = outcome_of(
            lambda: rindle_django.upload(profile, named(file.content, "photo.png"), actor=actor)
        )
        for session in UploadSession.objects.exclude(asset__in=before):
            self.asset_ids[name] = str(session.asset_id)
            self.tickets[name] = UploadTicket(
                rindle_django.uploads.tickets.issue(session),
                str(session.pk),
                str(session.asset_id),
                0,
            )
        return outcome

    def sign(self, name: str, actor: str | None) -> str:
        def call() -> None:
            self.puts[name] = rindle_django.sign_upload(self.tickets[name].ticket, actor=actor)

        return outcome_of(call)

    def put(self, name: str, file: File) -> str:
        signed = self.puts[name]
        found = resolve(str(signed.url))
        request = _requests.put(
            str(signed.url), file.content, content_type=signed.headers["Content-Type"]
        )
        return _code_of(found.func(request, **found.kwargs))

    def slip_in(self, name: str, file: File) -> str:
        return outcome_of(lambda: stage(self.asset_ids[name], file.content))

    def verify(self, name: str, actor: str | None) -> str:
        return outcome_of(
            lambda: rindle_django.verify_upload(self.tickets[name].ticket, actor=actor)
        )

    def abort(self, name: str, actor: str | None) -> str:
        return outcome_of(
            lambda: rindle_django.abort_upload(self.tickets[name].ticket, actor=actor)
        )

    # --- readers -------------------------------------------------------------------------------

    def url(self, name: str, variant: str | None, actor: str | None) -> tuple[str, str]:
        """The outcome of asking for a URL, and the URL."""
        issued: list[str] = []
        asset = Asset.objects.select_related("original").get(pk=self.asset_ids[name])

        def call() -> None:
            if variant is None:
                issued.append(str(rindle_django.url(asset, actor=actor)))
            else:
                issued.append(str(rindle_django.variant_url(asset, variant, actor=actor)))

        return outcome_of(call), issued[0] if issued else ""

    def fetch(self, url: str) -> tuple[str, bytes]:
        found = resolve(url)
        response = found.func(_requests.get(url), **found.kwargs)
        content = b"".join(response.streaming_content) if response.streaming else b""
        code = _code_of(response)
        response.close()
        return code, content

    # --- what is to be seen --------------------------------------------------------------------

    def look(self) -> Sight:
        names = {asset_id: name for name, asset_id in self.asset_ids.items()}
        seen = prepared(_EVERYTHING)[0][0]
        sight = Sight({}, {}, {}, set(), {name: {} for name in self.asset_ids}, {})
        for pk, state, wish in seen["assets"]:
            sight.phases[names[pk]], sight.states[names[pk]] = PHASES[state], state
            if wish is not None:
                sight.unwanted.add(names[pk])
        for pk, state in seen["sessions"]:
            sight.sessions[names[pk]] = state
        for pk, variant, *output in seen["variants"]:
            sight.outputs[names[pk]][variant] = Output(*output)
        owners = {(OWNERS[name]._meta.model_name, key): name for name, key in self.keys.items()}
        for model, key, slot, pk in seen["attachments"]:
            where = owners.get((model, key), f"{model} {key}"), slot
            sight.slots.setdefault(where, []).append(names[pk])
        return sight

    def stored(self) -> Counter[str]:
        """The hashes of all files in the storage."""
        return Counter(
            hashlib.sha256((self.folder / key).read_bytes()).hexdigest()
            for key in files_in(self.folder)
        )

    def size_of_backlog(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            return int(cursor.fetchone()[0])

    def duplicate_job(self, pick: int) -> None:
        _on_a_job(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority, scheduled_at)"
            " SELECT queue_name, task_name, args, priority, scheduled_at",
            pick,
        )

    def lose_job(self, pick: int) -> None:
        _on_a_job("DELETE", pick)

    def adapter(self) -> Any:
        return adapter_for("default")


def _on_a_job(what: str, pick: int) -> None:
    chosen = (
        "(SELECT id FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id OFFSET %s LIMIT 1)"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{what} FROM procrastinate_jobs WHERE id = {chosen}", [pick])


def _code_of(response: Any) -> str:
    if response.status_code < 400:
        return OK
    return str(json.loads(response.content)["error"]["code"])
