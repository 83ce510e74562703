"""The admin's lists find rows by exact values and count no further than anybody looks."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from rindle_django.admin.lists import BoundedPaginator
from rindle_django.models import Asset, Transition
from tests.rows import asset_in, session_in

pytestmark = pytest.mark.django_db


def found(client: Client, page: str, **query: str) -> set[Any]:
    response = client.get(f"/admin/rindle/{page}/", query)
    assert response.status_code == 200
    return {row.pk for row in response.context["cl"].result_list}


def test_an_asset_is_found_by_its_id_and_by_its_actor(admin_client: Client):
    one, other = asset_in("ready", actor="auth.user:7"), asset_in("ready", actor="auth.user:77")
    assert found(admin_client, "asset") == {one.pk, other.pk}
    assert found(admin_client, "asset", q=str(one.pk)) == {one.pk}
    assert found(admin_client, "asset", q=one.pk.hex.upper()) == {one.pk}
    assert found(admin_client, "asset", q=" auth.user:7 ") == {one.pk}


@pytest.mark.parametrize("page", ["asset", "variant", "uploadsession", "storedobject"])
@pytest.mark.parametrize("term", [str(UUID(int=7)), "nothing", "' OR 1=1", "%"])
def test_what_is_not_there_is_not_found_and_is_no_error(admin_client: Client, page: str, term: str):
    session_in("signed")
    assert found(admin_client, page, q=term) == set()


def test_a_session_and_an_object_are_found_by_their_asset(admin_client: Client):
    session = session_in("signed")
    session_in("signed")
    assert found(admin_client, "uploadsession", q=str(session.asset_id)) == {session.pk}
    assert found(admin_client, "storedobject", q=str(session.asset_id)) == {session.staging_id}


def test_history_is_narrowed_to_one_kind_of_row(admin_client: Client):
    terms = {"subject_id": uuid4(), "asset_id": uuid4(), "profile": "photo", "adapter": "s3"}
    rows = {
        subject: Transition.objects.create(subject=subject, to_state="x", **terms).pk
        for subject in ("asset", "variant", "session")
    }
    assert found(admin_client, "transition", subject="variant") == {rows["variant"]}
    assert found(admin_client, "transition", subject="dragon") == set()


def test_counting_stops_at_the_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BoundedPaginator, "furthest", 3)
    for _ in range(5):
        asset_in("staged")
    assert BoundedPaginator(Asset.objects.order_by("-created_at"), 2).count == 3
