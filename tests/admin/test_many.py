"""One verb for many rows: what is confirmed is what is done, at once or by a worker in steps."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from rindle_django import attach, jobs
from rindle_django.admin import bulk
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Batch, FailedVariant, Transition, Variant
from rindle_django.operations import batches
from rindle_django.operations.reconcile import reconcile
from rindle_django.testing import drain_jobs
from tests.admin.office import order, page, staff
from tests.app.models import Article
from tests.kit import queued_jobs
from tests.rows import asset_in, variant_in
from tests.stock import stock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss(admin_client: Client) -> Client:
    return admin_client


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two rows are many, and a step is of two."""
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    monkeypatch.setattr(batches, "STEP", 2)


def failed(count: int, *, profile: str = "photo", reason: str = "decoder_timeout") -> list[Variant]:
    return [
        variant_in(
            "failed", asset=asset_in("ready", profile=profile), name="thumb", reason_code=reason
        )
        for _ in range(count)
    ]


def states(rows: Any) -> Counter[str]:
    found = type(rows[0]).objects.filter(pk__in=[row.pk for row in rows])
    return Counter(found.values_list("state", flat=True))


def confirm(client: Client, model: Any, verb: str, *rows: Any, query: str = "", **more: str) -> Any:
    """Order, look at the confirmation, and confirm it."""
    asked = order(client, model, verb, *rows, query=query)
    given = {"as_of": asked.context["as_of"], "confirmed": "yes", **more}
    return order(client, model, verb, *rows, query=query, **given)


def told(answer: Any) -> str:
    return " ".join(str(each) for each in answer.context["messages"])


# --- confirming --------------------------------------------------------------------------------


def test_nothing_happens_before_it_is_confirmed(boss: Client):
    rows = failed(3)
    answer = order(boss, FailedVariant, "requeue", *rows)
    assert answer.context["order"].count == 3
    assert states(rows) == {"failed": 3}
    assert queued_jobs() == []


def test_the_confirmation_tells_how_many_and_which__C4_6(boss: Client):
    failed(2)
    failed(3, profile="tiny")
    answer = order(boss, FailedVariant, "requeue", query="?profile=tiny")
    assert answer.context["order"].count == 3
    text = answer.content.decode()
    assert "3 rows" in text
    assert "asset profile tiny" in text
    assert "state failed" in text


def test_a_filter_is_obeyed_by_what_is_done_across_all_pages__C4_6(boss: Client, few: None):
    others = failed(3)
    rows = failed(5, profile="tiny")
    answer = confirm(boss, FailedVariant, "requeue", query="?profile=tiny")
    assert "in the background" in told(answer)
    drain_jobs(queues=["rindle_maintenance"])
    assert states(rows) == {"queued": 5}
    assert states(others) == {"failed": 3}
    batch = Batch.objects.get()
    assert batch.done == 5
    assert batch.finished_at is not None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?reason_code=image_truncated", {"queued": 3, "failed": 3}),
        ("?when=1h", {"queued": 6}),
        ("?when=2001", {"failed": 6}),
        ("?profile=plain", {"failed": 6}),
        ("?profile=photo&reason_code=image_truncated", {"queued": 3, "failed": 3}),
    ],
)
def test_each_filter_is_kept_with_the_batch__C4_6(
    boss: Client, few: None, query: str, expected: dict[str, int]
):
    rows = failed(3) + failed(3, reason="image_truncated")
    confirm(boss, FailedVariant, "requeue", query=query)
    drain_jobs(queues=["rindle_maintenance"])
    assert states(rows) == expected


def test_a_search_is_kept_with_the_batch__C4_6(boss: Client, few: None):
    mine = [asset_in("ready", actor="auth.user:7") for _ in range(3)]
    others = [asset_in("ready", actor="auth.user:8") for _ in range(3)]
    confirm(boss, Asset, "discard", query="?q=auth.user:7", typed="discard")
    drain_jobs(queues=["rindle_maintenance"])
    assert states(mine) == {"deleted": 3}
    assert states(others) == {"ready": 3}


def test_a_search_that_finds_nothing_is_not_a_search_for_everything(boss: Client, few: None):
    assets = stock(3)
    answer = confirm(boss, Asset, "discard", query="?q=%00nonsense", typed="discard")
    assert answer.status_code == 200
    found = batches.begin("discard", "asset", [[]], as_of=now())
    drain_jobs(queues=["rindle_maintenance"])
    assert fresh_batch(found).done == 0
    assert states(assets) == {"ready": 3}


@pytest.mark.parametrize("query", ["?filename__contains=x", "?reason__contains=y", "?id__gt=0"])
def test_what_is_no_filter_does_not_narrow_and_is_refused__C4_6(boss: Client, query: str):
    answer = boss.get(page(Asset) + query)
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("?e=1")


# --- doing it ----------------------------------------------------------------------------------


def test_a_few_are_done_at_once(boss: Client):
    rows = failed(3)
    answer = confirm(boss, FailedVariant, "requeue", *rows)
    assert "Requeue: 3 variants." in told(answer)
    assert len(queued_jobs("rindle:process_variant")) == 3
    assert not Batch.objects.exists()


def test_many_cost_one_job_and_one_row_until_a_worker_comes(boss: Client, few: None):
    rows = failed(5)
    confirm(boss, FailedVariant, "requeue")
    batch = Batch.objects.get()
    assert queued_jobs() == [{"batch_id": str(batch.pk)}]
    assert states(rows) == {"failed": 5}


def test_many_that_are_ticked_are_done_at_once(boss: Client, few: None):
    rows = failed(5)
    confirm(boss, FailedVariant, "requeue", *rows[:3])
    assert states(rows) == {"queued": 3, "failed": 2}


def test_what_changed_after_the_confirmation_was_shown_is_left_alone(boss: Client, few: None):
    rows = failed(5)
    asked = order(boss, FailedVariant, "requeue")
    late = failed(2)
    given = {"as_of": asked.context["as_of"], "confirmed": "yes"}
    order(boss, FailedVariant, "requeue", **given)
    drain_jobs(queues=["rindle_maintenance"])
    assert states(rows) == {"queued": 5}
    assert states(late) == {"failed": 2}


@pytest.mark.parametrize("as_of", ["yesterday", "2026-13-01T00:00:00Z", "2026-11-24T00:00:00", ""])
def test_a_confirmation_that_was_tampered_with_is_refused(boss: Client, few: None, as_of: str):
    rows = failed(3)
    answer = order(boss, FailedVariant, "requeue", as_of=as_of, confirmed="yes")
    assert "not valid" in told(answer)
    assert states(rows) == {"failed": 3}


def test_discarding_many_has_to_be_typed(boss: Client, few: None):
    assets = stock(3)
    answer = confirm(boss, Asset, "discard", typed="yes")
    assert "type “discard”" in told(answer)
    assert not Batch.objects.exists()
    confirm(boss, Asset, "discard", typed="discard")
    drain_jobs(queues=["rindle_maintenance"])
    assert states(assets) == {"deleted": 3}


def test_what_cannot_be_done_is_counted_by_reason_and_stops_nobody(boss: Client, few: None):
    assets = stock(5)
    for asset in assets[1:3]:
        attach(Article.objects.create(), "cover", asset)
    confirm(boss, Asset, "discard", typed="discard")
    drain_jobs(queues=["rindle_maintenance"])
    batch = Batch.objects.get()
    assert (batch.done, batch.refused) == (3, {"asset_not_discardable": 2})
    assert states(assets) == {"deleted": 3, "ready": 2}


def test_history_names_the_batch_and_who_ordered_it(boss: Client, few: None, admin_user: User):
    failed(3)
    confirm(boss, FailedVariant, "requeue")
    drain_jobs(queues=["rindle_maintenance"])
    batch = Batch.objects.get()
    for entry in Transition.objects.filter(to_state="queued", from_state="failed"):
        assert entry.cause["batch"] == str(batch.pk)
        assert entry.cause["actor"] == f"auth.user:{admin_user.pk}"


def test_variants_that_do_not_fit_do_not_hold_up_their_siblings(boss: Client):
    asset = asset_in("ready")
    rows = [
        variant_in(state, asset=asset, name=name)
        for name, state in (("thumb", "failed"), ("medium", "ready"))
    ]
    answer = confirm(boss, Variant, "requeue", *rows)
    assert "Requeue: 1 variant." in told(answer)
    assert "A variant that is ready cannot be requeued." in told(answer)
    assert states(rows) == {"queued": 1, "ready": 1}


@pytest.mark.parametrize(("model", "verb"), [(Asset, "discard"), (FailedVariant, "requeue")])
def test_who_may_only_look_cannot_order__S26(model: Any, verb: str, few: None):
    rows, assets = failed(3), stock(3)
    client = staff()
    assert f'value="{verb}"' not in client.get(page(model)).content.decode()
    order(client, model, verb, confirmed="yes", as_of=now().isoformat(), typed=verb)
    order(client, model, verb, *(assets if model is Asset else rows), confirmed="yes")
    drain_jobs(queues=["rindle_maintenance"])
    assert states(rows) == {"failed": 3}
    assert states(assets) == {"ready": 3}
    assert not Batch.objects.exists()


# --- batches -----------------------------------------------------------------------------------


def begun(rows: int = 5) -> Batch:
    failed(rows)
    return batches.begin("requeue", "variant", [[("state", "failed")]], as_of=now())


def test_a_batch_that_was_killed_is_gone_on_with(few: None):
    batch = begun()
    drain_jobs(queues=["rindle_maintenance"], limit=1)
    assert fresh_batch(batch).done == 2
    forget_jobs()
    Batch.objects.update(wake_at=now())
    assert reconcile().batches == 1
    drain_jobs(queues=["rindle_maintenance"])
    assert fresh_batch(batch).done == 5


def test_a_step_that_is_done_twice_counts_once(few: None):
    batch = begun()
    jobs.enqueue(jobs.BATCH, batch_id=str(batch.pk))
    drain_jobs(queues=["rindle_maintenance"])
    assert fresh_batch(batch).done == 5
    assert not FailedVariant.objects.exists()


def test_a_stopped_batch_does_no_more(few: None, boss: Client):
    batch = begun()
    drain_jobs(queues=["rindle_maintenance"], limit=1)
    answer = order(boss, Batch, "stop", batch)
    assert "1 batch was stopped." in told(answer)
    drain_jobs(queues=["rindle_maintenance"])
    assert fresh_batch(batch).done == 2
    assert FailedVariant.objects.count() == 3
    assert not batches.stop(batch.pk)


def test_only_who_may_do_the_verb_may_stop_its_batch(few: None):
    batch = begun()
    order(staff("discard_asset"), Batch, "stop", batch)
    assert fresh_batch(batch).finished_at is None
    order(staff("requeue_variant"), Batch, "stop", batch)
    assert fresh_batch(batch).stopped


def test_rows_born_in_one_moment_are_each_done_once(few: None):
    asset = asset_in("ready")
    for number in range(5):
        variant_in("failed", asset=asset, name=f"v{number}")
    Variant.objects.update(created_at=asset.created_at)
    batch = batches.begin("requeue", "variant", [[("state", "failed")]], as_of=now())
    drain_jobs(queues=["rindle_maintenance"])
    assert fresh_batch(batch).done == 5


def test_an_unknown_verb_is_refused():
    with pytest.raises(RequestRefused):
        batches.begin("explode", "asset", [], as_of=now())
    assert not Batch.objects.exists()


def test_a_batch_is_shown_with_what_it_did(boss: Client, few: None):
    failed(3)
    confirm(boss, FailedVariant, "requeue")
    drain_jobs(queues=["rindle_maintenance"])
    batch = Batch.objects.get()
    for address in (page(Batch), page(Batch, "change", batch)):
        text = boss.get(address).content.decode()
        assert "requeue" in text
        assert "completed" in text


def fresh_batch(batch: Batch) -> Batch:
    return Batch.objects.get(pk=batch.pk)


def forget_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
