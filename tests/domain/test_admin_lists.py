"""The admin's lists find rows by exact values and count no further than anybody looks."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

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


def test_a_list_that_is_not_counted_to_its_end_says_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
):
    for _ in range(3):
        asset_in("staged")
    text = admin_client.get("/admin/rindle/asset/").content.decode()
    assert "There may be more" not in text
    monkeypatch.setattr(BoundedPaginator, "furthest", 3)
    text = admin_client.get("/admin/rindle/asset/").content.decode()
    assert "There may be more" in text
    assert "however many" in text


@pytest.mark.parametrize("when", ["1h", "7d", "2026", "2001-02"])
def test_a_list_is_narrowed_by_time(admin_client: Client, when: str):
    old, new = asset_in("staged"), asset_in("staged")
    Asset.objects.filter(pk=old.pk).update(created_at="2001-02-28T23:59:59Z")
    Asset.objects.filter(pk=new.pk).update(created_at=now())
    expected = {old.pk} if when.startswith("2001") else {new.pk}
    if when == "2026":
        when = str(now().year)
    assert found(admin_client, "asset", when=when) == expected


@pytest.mark.parametrize("when", ["2026-13", "2026-02-30", "yesterday", "9999", "0000-01"])
def test_an_impossible_time_is_refused_and_no_error(admin_client: Client, when: str):
    asset_in("staged")
    answer = admin_client.get("/admin/rindle/asset/", {"when": when})
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("?e=1")


def test_times_go_down_from_years_to_days(admin_client: Client):
    asset = asset_in("staged")
    year = asset.created_at.year
    for period, within in ((f"{year}", f"{year}-02"), (f"{year}-02", f"{year}-02-28")):
        text = admin_client.get("/admin/rindle/asset/", {"when": period}).content.decode()
        assert f"when={within}" in text


def test_counting_stops_at_the_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BoundedPaginator, "furthest", 3)
    for _ in range(5):
        asset_in("staged")
    assert BoundedPaginator(Asset.objects.order_by("-created_at"), 2).count == 3
