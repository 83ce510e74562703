"""Media health: what it tells is so, each link leads to what it names, and looking costs little."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rindle_django.admin import health
from rindle_django.models import Asset, Overview, StoredObject
from tests.admin.office import page, staff
from tests.kit import ready
from tests.rows import asset_in, object_in, variant_in
from tests.stock import stock
from tests.storms import Sky, sky

__all__ = ["sky"]

pytestmark = pytest.mark.django_db(transaction=True)


def home(client: Client) -> Any:
    answer = client.get(page(Overview))
    assert answer.status_code == 200
    return answer


def run_doctor(client: Client) -> Any:
    return client.post(reverse("admin:rindle_overview_doctor"))


def troubled() -> None:
    for reason, count in (("decoder_timeout", 3), ("image_truncated", 1)):
        for _ in range(count):
            variant_in("failed", asset=asset_in("degraded"), name="thumb", reason_code=reason)
    asset_in("quarantined")
    for state in ("stale", "missing", "cancelled"):
        variant_in(state, asset=asset_in("ready"), name="thumb")


def test_what_waits_for_somebody_is_counted(admin_client: Client):
    troubled()
    counted = {str(each["text"]): each["count"] for each in home(admin_client).context["counted"]}
    assert counted["failed variants"] == "4"
    assert counted["degraded assets"] == "4"
    assert counted["quarantined assets"] == "1"


def test_every_link_leads_to_rows_that_it_names__C4_4(admin_client: Client):
    troubled()
    context = home(admin_client).context
    links = [each["list"] for each in [*context["findings"], *context["reasons"]] if each["list"]]
    links += [each["list"] for each in context["counted"] if each["count"] != "0"]
    assert len(links) >= 8
    for link in links:
        answer = admin_client.get(link)
        assert answer.status_code == 200
        assert answer.context["cl"].result_list, link


def test_reasons_are_counted_and_the_worst_is_first(admin_client: Client):
    troubled()
    reasons = home(admin_client).context["reasons"]
    assert [(each["code"], each["count"]) for each in reasons] == [
        ("decoder_timeout", 3),
        ("image_truncated", 1),
    ]


def test_looking_asks_no_storage__C4_2(admin_client: Client, sky: Sky):
    stock(2)
    home(admin_client)
    assert not sky.calls


def test_looking_does_not_cost_more_when_there_is_more__C4_2(admin_client: Client):
    stock(2)
    home(admin_client)
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            home(admin_client)
        costs.append(len(captured))
        troubled()
        stock(10)
    assert costs[0] == costs[1] <= 250


def test_the_quick_doctor_never_says_more_than_it_looked_at__C4_3(admin_client: Client):
    text = home(admin_client).content.decode()
    assert "No storage was asked." in text
    assert "invariants.hold" not in health.QUICK
    assert not [name for name in health.QUICK if name.startswith(("images", "media"))]
    shown = {each["id"] for each in home(admin_client).context["checks"]}
    assert shown == set(health.QUICK)


def test_what_the_doctor_found_is_on_the_page__C4_3(admin_client: Client, settings: Any):
    settings.RINDLE = {**settings.RINDLE, "NONSENSE": 1}
    ill = home(admin_client).context["ill"]
    assert any("NONSENSE" in each["finding"] for each in ill)
    assert "are fine" not in home(admin_client).content.decode()


def test_the_full_doctor_runs_on_demand_alone(admin_client: Client):
    assert admin_client.get(reverse("admin:rindle_overview_doctor")).status_code == 405
    answer = run_doctor(admin_client)
    assert answer.status_code == 200
    assert set(health.QUICK) <= {each["id"] for each in answer.context["checks"]}


def test_a_forged_run_of_the_doctor_is_refused__S26():
    client = staff(strict=True)
    assert run_doctor(client).status_code == 403


def test_who_may_not_look_does_not():
    client = Client()
    client.force_login(User.objects.create_user("temp", is_staff=True))
    assert client.get(page(Overview)).status_code == 403
    assert run_doctor(client).status_code == 403
    assert home(staff()).status_code == 200


def test_the_start_of_the_media_pages_links_to_it(admin_client: Client):
    answer = admin_client.get(reverse("admin:app_list", args=["rindle"]))
    assert page(Overview) in answer.content.decode()


def test_the_curve_counts_what_was_committed(admin_client: Client):
    ready()
    minutes = health.transitions_per_minute()
    assert len(minutes) == 60
    assert sum(minutes) == sum(minutes[-2:]) > 10
    text = home(admin_client).content.decode()
    assert 'role="img"' in text
    assert "State changes in each minute of the past hour" in text


# --- storage -----------------------------------------------------------------------------------


def test_storage_is_told_by_profile_and_without_what_is_gone():
    stock(3)
    stock(2, profile="open")
    StoredObject.objects.filter(state="present").update(byte_size=10)
    StoredObject.objects.filter(pk=object_in("gone").pk).update(byte_size=1000)
    stored = health.storage_by_profile()
    assert not stored.estimated
    found = {each.profile: (each.objects, each.byte_size) for each in stored.profiles}
    assert found == {"photo": (12, 120), "open": (8, 80)}


def test_a_large_ledger_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch):
    stock(500)
    StoredObject.objects.update(byte_size=10)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE rindle_storedobject")
    monkeypatch.setattr(health, "COUNTED", 1000)
    monkeypatch.setattr(health, "SAMPLED", 500)
    stored = health.storage_by_profile()
    assert stored.estimated
    (photos,) = stored.profiles
    assert photos.byte_size == photos.objects * 10
    assert 500 < photos.objects < 8000


def test_a_figure_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "_STORED", "SELECT '', 1, 1 FROM pg_sleep(10) -- {sample}")
    monkeypatch.setattr(health, "PATIENCE", 20)
    assert not health.storage_by_profile().known
    assert Asset.objects.count() == 0  # the connection is as usable as before
