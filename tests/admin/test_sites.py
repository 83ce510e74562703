"""The media pages on a project's own admin site, and beside a guarded page of jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import AdminSite, site as usual
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.db import connection
from django.test import Client, override_settings
from django.urls import include, path, reverse
from procrastinate.contrib.django.admin import ProcrastinateJobAdmin
from procrastinate.contrib.django.models import ProcrastinateJob

from rindle_django import attach, jobs
from rindle_django.admin import PAGES, guard_queue, register_all
from rindle_django.models import Asset, Attachment, Overview
from tests.app.models import Article, Tag
from tests.kit import queued_jobs
from tests.rows import asset_in, variant_in
from tests.stock import stock

pytestmark = pytest.mark.django_db(transaction=True)

# A second site in the same process, as a project with two audiences has it.
ops = AdminSite(name="ops")
register_all(ops)
ops.register(Article)
ops.register(ProcrastinateJob, ProcrastinateJobAdmin)
guard_queue(ops)

urlpatterns = [
    path("control/", ops.urls),
    path("admin/", usual.urls),
    path("rindle/", include("rindle_django.urls")),
]


@pytest.fixture
def control(admin_client: Client) -> Iterator[Client]:
    with override_settings(ROOT_URLCONF=__name__):
        yield admin_client


def at(model: Any, what: str = "changelist", *args: Any) -> str:
    return reverse(f"ops:rindle_{model._meta.model_name}_{what}", args=args)


def links(answer: Any) -> set[str]:
    found = set(re.findall(r'(?:href|action|data-progress)="(/[^"]*)"', answer.content.decode()))
    return {link for link in found if not link.startswith(("/static/", "/rindle/"))}


def test_links_stay_on_the_site_that_is_looked_at(control: Client):
    (asset,) = stock(1)
    attach(Article.objects.create(title="A tale"), "cover", asset)
    failed = variant_in("failed", asset=asset, name="poster", reason_code="decoder_timeout")
    asset_in("quarantined")
    pages = [at(model) for model in PAGES]
    pages += [at(Asset, "change", asset.pk), at(Asset, "do", asset.pk, "requeue")]
    for page in pages:
        answer = control.get(page, follow=True)
        assert answer.status_code == 200, page
        elsewhere = {link for link in links(answer) if not link.startswith("/control/")} - {"/"}
        assert elsewhere == set(), page
    text = control.get(at(Asset, "change", asset.pk)).content.decode()
    assert reverse("ops:app_article_change", args=[Article.objects.get().pk]) in text
    assert f"/control/rindle/variant/{failed.pk}/change/" in text


def test_a_verb_leads_back_to_the_same_site(control: Client):
    asset = asset_in("degraded")
    variant_in("failed", asset=asset, name="thumb")
    answer = control.post(at(Asset, "do", asset.pk, "requeue"))
    assert answer.headers["Location"] == at(Asset, "change", asset.pk)
    assert len(queued_jobs("rindle:process_variant")) == 1


def test_an_owner_that_the_site_does_not_know_is_named_without_a_link(control: Client):
    (asset,) = stock(1)
    attach(Tag.objects.create(slug="sunsets"), "cover", asset)
    text = control.get(at(Asset, "change", asset.pk)).content.decode()
    assert '<th scope="row">tag sunsets</th>' in text


def test_an_owner_that_is_gone_is_named_by_its_id(control: Client):
    (asset,) = stock(1)
    attachment = attach(Article.objects.create(), "cover", asset)
    vanished = ContentType.objects.create(app_label="gone", model="thing")
    Attachment.objects.filter(pk=attachment.pk).update(owner_type=vanished, owner_id="seven")
    answer = control.get(at(Asset, "change", asset.pk))
    assert answer.status_code == 200
    assert "thing seven (gone)" in answer.content.decode()


# --- Procrastinate's page of jobs ---------------------------------------------------------------


def clerk(*permissions: str) -> Client:
    user = User.objects.create_user(f"clerk {User.objects.count()}", is_staff=True)
    names = ("view_procrastinatejob", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    assert user.user_permissions.count() == len(names)
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, action: str, *, status: str = "todo") -> str:
    """What becomes of a job in ``status``."""
    jobs.enqueue(jobs.PURGE, asset_id="x", profile="y")
    job = ProcrastinateJob.objects.latest("id")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = %s", [status])
    data = {"action": action, "_selected_action": [str(job.pk)]}
    client.post(reverse("ops:procrastinate_procrastinatejob_changelist"), data)
    return str(ProcrastinateJob.objects.get(pk=job.pk).status)


@pytest.mark.parametrize(
    ("action", "status"), [("retry", "failed"), ("cancel", "todo"), ("abort", "todo")]
)
def test_who_may_only_view_jobs_cannot_act_on_them__S26(control: Client, action: str, status: str):
    assert act(clerk(), action, status=status) == status


@pytest.mark.parametrize(
    ("action", "status", "then"),
    [("retry", "failed", "todo"), ("cancel", "todo", "cancelled"), ("abort", "todo", "cancelled")],
)
def test_who_may_change_jobs_can_act_on_them(control: Client, action: str, status: str, then: str):
    assert act(clerk("change_procrastinatejob"), action, status=status) == then


def test_a_job_that_runs_is_not_run_twice(control: Client):
    assert act(clerk("change_procrastinatejob"), "retry", status="doing") == "doing"


def test_jobs_can_be_looked_at(control: Client):
    jobs.enqueue(jobs.PURGE, asset_id="x", profile="y")
    client = clerk()
    address = reverse("ops:procrastinate_procrastinatejob_changelist")
    text = client.get(address + "?status=todo&queue_name=rindle_purge").content.decode()
    assert "rindle:purge_storage" in text
    job = ProcrastinateJob.objects.latest("id")
    page = reverse("ops:procrastinate_procrastinatejob_change", args=[job.pk])
    assert client.get(page).status_code == 200


def warnings() -> set[str | None]:
    return {each.id for each in run_checks(include_deployment_checks=True)}


def test_an_unguarded_page_of_jobs_is_warned_of():
    assert "rindle.W012" in warnings()


def test_a_guarded_page_of_jobs_is_not_warned_of():
    guard_queue(usual)
    try:
        assert "rindle.W012" not in warnings()
    finally:
        usual.unregister(ProcrastinateJob)
        usual.register(ProcrastinateJob, ProcrastinateJobAdmin)


def test_the_start_page_is_found_on_both_sites(control: Client):
    assert control.get(at(Overview)).status_code == 200
    assert control.get(reverse("admin:rindle_overview_changelist")).status_code == 200
