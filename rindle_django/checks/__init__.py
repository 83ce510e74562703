"""System checks: what is wrong with a project's settings and profiles, said at start-up.

Each check has a stable id and a hint that says what to do. None touches network or storage.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning as Caution, register
from django.db import DatabaseError, connections, router
from django.urls import NoReverseMatch, reverse

from rindle_django import workspace
from rindle_django.attachments.owners import declared_slots
from rindle_django.checks import profiles
from rindle_django.conf import Config, database, describe, raw
from rindle_django.models import Asset
from rindle_django.operations.doctor.database import missing_triggers
from rindle_django.operations.doctor.schedules import GIVE, NEVER, fires_every
from rindle_django.operations.reading import select
from rindle_django.profiles import registered
from rindle_django.tasks import SCHEDULED

Check = Callable[[], Iterator[CheckMessage]]


def _settings() -> Iterator[CheckMessage]:
    value = raw()
    if not isinstance(value, dict):
        yield Error("RINDLE must be a dict.", id="rindle.E001")
        return
    known = {name: default for name, default, _ in describe()}
    for name in sorted(set(value) - set(known)):
        yield Error(
            f"RINDLE has no setting {name!r}.",
            hint=f"Known: {', '.join(known)}.",
            id="rindle.E001",
        )
    for name in sorted(set(value) & set(known)):
        if not _fits(name, known[name], value[name]):
            yield Error(
                f"RINDLE[{name!r}] is {value[name]!r}, which does not fit.",
                hint=f"It is declared as {Config.__annotations__[name]}.",
                id="rindle.E002",
            )
    yield from _schedules(value)


def _fits(name: str, default: object, value: object) -> bool:
    declared = str(Config.__annotations__[name])
    if value is None:
        return "None" in declared
    if default is None:
        default = 0 if "int" in declared else ""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float) and value >= 0
    return isinstance(value, type(default))


def _schedules(value: dict[str, Any]) -> Iterator[CheckMessage]:
    schedules = value.get("SCHEDULES", {})
    for name in sorted(set(schedules) - set(SCHEDULED)):
        yield Error(
            f"RINDLE['SCHEDULES'] names {name!r}, which is no maintenance task.",
            hint=f"Maintenance tasks: {', '.join(SCHEDULED)}.",
            id="rindle.E003",
        )
    yield from _lines(schedules)
    for name in ("abort_incomplete_uploads", "cleanup_orphans"):
        if name not in schedules:
            yield Caution(
                f"Nothing schedules {name}: what clients abandon is kept for ever.",
                hint=f"Add it to RINDLE['SCHEDULES'], or run manage.py rindle_{name} from cron "
                "and set it to None there.",
                id="rindle.W001",
            )


def _lines(schedules: dict[str, Any]) -> Iterator[CheckMessage]:
    for name, line in sorted(schedules.items()):
        if name in SCHEDULED and line is not None and fires_every(line) is None:
            yield Error(
                f"The cron line of {name} is {line!r}, {NEVER}.", hint=GIVE, id="rindle.E004"
            )
    if schedules.get("reconcile", "") is None:
        yield Caution(
            "Reconcile is turned off: work whose job is lost stays where it is for ever.",
            hint="Remove 'reconcile' from RINDLE['SCHEDULES'], or run rindle_reconcile from cron.",
            id="rindle.W006",
        )


def _dry_run() -> Iterator[CheckMessage]:
    if raw().get("CLEANUP_DRY_RUN") and raw().get("SCHEDULES", {}).get("cleanup_orphans"):
        yield Caution(
            "The scheduled cleanup only reports: nothing is ever deleted.",
            hint="Set RINDLE['CLEANUP_DRY_RUN'] = False.",
            id="rindle.W005",
        )


def _temp() -> Iterator[CheckMessage]:
    folder = workspace.root()
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield Caution(
            f"Working copies cannot be put into {folder}.",
            hint="Set RINDLE['TEMP_DIR'] to a folder that workers can write to.",
            id="rindle.W007",
        )


def _guard(databases: Sequence[str] | None) -> Iterator[CheckMessage]:
    if database() not in (databases or ()) or connections[database()].vendor != "postgresql":
        return
    try:
        ((table,),) = select("SELECT to_regclass('rindle_asset')")
        lacking = missing_triggers() if table else []
    except DatabaseError:
        return  # an outage is for the doctor to tell
    if lacking:
        yield Caution(
            f"Triggers that refuse illegal states are missing: {', '.join(lacking)}.",
            hint="Enable them, or apply migration rindle.0002_state_guard anew.",
            id="rindle.W011",
        )


def check_guard(databases: Sequence[str] | None = None, **_: object) -> list[CheckMessage]:
    return list(_guard(databases))


def _database() -> Iterator[CheckMessage]:
    alias = database()
    if router.db_for_write(Asset) != alias:
        yield Error(
            f"Media rows go to database {router.db_for_write(Asset)!r}, jobs to {alias!r}: a job "
            "would survive the rollback of what it was for.",
            hint="Point PROCRASTINATE_DATABASE_ALIAS and your router at the same alias.",
            id="rindle.E010",
        )
    if connections[alias].vendor != "postgresql":
        yield Error(
            f"Database {alias!r} is not PostgreSQL.",
            hint="Jobs and rows share PostgreSQL transactions; no other database will do.",
            id="rindle.E011",
        )
    if "procrastinate.contrib.django" not in settings.INSTALLED_APPS:
        yield Error(
            "procrastinate.contrib.django is not in INSTALLED_APPS.",
            hint="Add it before 'rindle_django'.",
            id="rindle.E012",
        )


def _image_backend() -> Iterator[CheckMessage]:
    if find_spec("pyvips") is None:
        yield Caution(
            "libvips is not installed; images are processed by Pillow, slower and with more "
            "memory.",
            hint="pip install 'rindle-django[vips]' brings libvips along.",
            id="rindle.W002",
        )


def _slots() -> Iterator[CheckMessage]:
    names = {profile.name for profile in registered()}
    for (owner, name), rule in declared_slots().items():
        if rule.profile not in names:
            yield Error(
                f"{owner.__qualname__}.{name} takes assets of {rule.profile!r}, which is no "
                "registered profile.",
                hint=f"Registered: {', '.join(sorted(names)) or 'none'}.",
                obj=owner,
                id="rindle.E028",
            )


def _urls() -> Iterator[CheckMessage]:
    if not getattr(settings, "ROOT_URLCONF", None):
        return  # a project that serves nothing, such as one of workers only
    try:
        reverse("rindle:uploads")
    except NoReverseMatch:
        yield Caution(
            "rindle_django.urls is not included in the URLconf.",
            hint='Add path("rindle/", include("rindle_django.urls")): uploads from browsers and '
            "signed delivery from a file system go through it.",
            id="rindle.W004",
        )


def _queue_admin() -> Iterator[CheckMessage]:
    """Procrastinate's admin declares no permission for its actions; whoever may look may act."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin import site
    from procrastinate.contrib.django.models import ProcrastinateJob

    page: Any = site._registry.get(ProcrastinateJob)
    open_to_all = [
        name
        for action, name, _ in (page._get_base_actions() if page else ())
        if not getattr(action, "allowed_permissions", None) and name != "delete_selected"
    ]
    if open_to_all:
        yield Caution(
            "Staff who may only view Procrastinate's jobs in the admin can also "
            f"{', '.join(open_to_all)} them.",
            hint="Set RINDLE['GUARD_QUEUE_ADMIN'] = True, or unregister ProcrastinateJob.",
            id="rindle.W012",
        )


def _checker(*checks: Check) -> Callable[..., list[CheckMessage]]:
    def run(**_: object) -> list[CheckMessage]:
        return [message for check in checks for message in check()]

    return run


def connect() -> None:
    """Register the checks; called once the apps are ready."""
    register(_checker(_settings, _dry_run, _temp, _slots, _image_backend), "rindle")
    register(_checker(profiles.declared, profiles.transcoder), "rindle")
    register(check_guard, "rindle", Tags.database)
    register(_checker(_database), "rindle", Tags.compatibility)
    register(_checker(_urls), "rindle", Tags.urls)
    register(_checker(profiles.open_uploads, _queue_admin), "rindle", deploy=True)
