"""The database refuses by itself what is no edge, whoever asks and however."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from rindle_django.models import Asset, UploadSession
from rindle_django.states import MACHINES, Machine
from tests.rows import TABLES, asset_in, newborn, row_in

pytestmark = pytest.mark.django_db

EVERY_STATE = [(name, state) for name, machine in MACHINES.items() for state in machine.states]


def attempt(action: Any) -> bool:
    """Whether the database lets ``action`` pass; nothing of it stays."""
    try:
        with transaction.atomic():
            action()
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return True


def psql(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def accepted(machine: Machine, source: str, move: Any) -> set[str]:
    """The states that ``move`` gets a row to from ``source``."""
    return {target for target in machine.states if attempt(partial(move, target))} - {source}


def with_object(row: Any) -> Any:
    """A variant that has an output, so that the check on ready ones does not decide."""
    if row.machine.name == "variant":
        row.object = newborn("object", asset=row.asset)
        type(row).objects.filter(pk=row.pk).update(object=row.object)
    return row


@pytest.mark.parametrize(("name", "source"), EVERY_STATE)
def test_psql_moves_a_row_along_edges_only(name: str, source: str):
    machine, row = MACHINES[name], with_object(row_in(name, source))
    statement = f"UPDATE {TABLES[name]} SET state = %s WHERE id = %s"
    assert (
        accepted(machine, source, lambda to: psql(statement, to, row.pk)) == (machine.edges[source])
    )


@pytest.mark.parametrize(("name", "source"), EVERY_STATE)
def test_a_queryset_update_moves_a_row_along_edges_only(name: str, source: str):
    machine, row = MACHINES[name], with_object(row_in(name, source))
    rows = type(row).objects.filter(pk=row.pk)
    assert accepted(machine, source, lambda to: rows.update(state=to)) == machine.edges[source]


def copied(row: Any, state: str) -> None:
    """Insert a second row like ``row``, in ``state``, by psql."""
    table, fresh_ones = TABLES[row.machine.name], {"name": "name || 'x'", "key": "key || 'x'"}
    columns = [each.column for each in row._meta.concrete_fields if each.column != "id"]
    values = [fresh_ones.get(each, each) if each != "state" else "%s" for each in columns]
    psql(
        f"INSERT INTO {table} (id, {', '.join(columns)})"
        f" SELECT gen_random_uuid(), {', '.join(values)} FROM {table} WHERE id = %s",
        state,
        row.pk,
    )


@pytest.mark.parametrize(("name", "state"), EVERY_STATE)
def test_rows_are_born_in_the_initial_state_only(name: str, state: str):
    row = newborn(name)
    assert attempt(lambda: copied(row, state)) == (state == MACHINES[name].initial)


def test_the_orm_cannot_give_birth_to_a_ready_asset_either():
    assert not attempt(
        lambda: Asset.objects.bulk_create(
            [Asset(profile="photo", storage="default", max_attempts=3, state="ready")]
        )
    )


@pytest.mark.parametrize("name", MACHINES)
def test_a_state_that_no_machine_knows_is_refused(name: str):
    row = newborn(name)
    statement = f"UPDATE {TABLES[name]} SET state = 'limbo' WHERE id = %s"
    assert not attempt(lambda: psql(statement, row.pk))


def test_saving_a_stale_object_cannot_bring_a_quarantined_asset_back__D1():
    asset = asset_in("ready")
    stale = Asset.objects.get(pk=asset.pk)
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    assert not attempt(stale.save)
    asset.refresh_from_db()
    assert asset.state == "quarantined"


def test_the_refusal_says_which_edge_and_which_table():
    asset = asset_in("deleted")
    with pytest.raises(IntegrityError, match="deleted>ready is not an edge of rindle_asset"):
        Asset.objects.filter(pk=asset.pk).update(state="ready")


def test_writing_the_same_state_again_is_no_transition():
    session = row_in("session", "completed")
    assert UploadSession.objects.filter(pk=session.pk).update(state="completed") == 1


@pytest.mark.parametrize("name", MACHINES)
def test_the_triggers_know_exactly_the_edges_of_the_tables(name: str):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled, tgargs FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND tgfoid = 'rindle_guard_state'::regproc"
            " ORDER BY tgname",
            [TABLES[name]],
        )
        triggers = cursor.fetchall()
    assert [(trigger, enabled) for trigger, enabled, _ in triggers] == [
        (f"{TABLES[name]}_birth", "O"),
        (f"{TABLES[name]}_edge", "O"),
    ]
    for _, _, arguments in triggers:
        edges = bytes(arguments).decode().split("\x00")[:-1]
        assert sorted(edges) == sorted(MACHINES[name].edge_list())


def test_models_and_migrations_agree():
    call_command("makemigrations", "rindle", check=True, dry_run=True, verbosity=0)
