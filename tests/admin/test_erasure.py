"""Erasing an owner from the admin: all that goes is shown, typed for, and told."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from rindle_django import attach
from rindle_django.models import Asset, Attachment, Erasure
from tests.admin.office import page, staff
from tests.app.models import Article
from tests.kit import fresh
from tests.stock import stock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owned() -> tuple[Attachment, Asset, Asset]:
    """An attachment, an asset that its owner has alone, and one that another has as well."""
    alone, shared = stock(2)
    owner, other = Article.objects.create(), Article.objects.create()
    attachment = attach(owner, "cover", alone)
    attach(owner, "banner", shared)
    attach(other, "cover", shared)
    return attachment, alone, shared


def erasing(attachment: Attachment) -> str:
    return reverse("admin:rindle_attachment_erase_owner", args=[attachment.pk])


def shown(client: Client, attachment: Attachment) -> str:
    return client.get(page(Attachment, "change", attachment)).content.decode()


def name_of(attachment: Attachment) -> str:
    return f"app.article:{attachment.owner_id}"


Owned = tuple[Attachment, Asset, Asset]


def test_what_goes_and_what_stays_is_shown_first__C4_10(admin_client: Client, owned: Owned):
    attachment, alone, shared = owned
    answer = admin_client.get(erasing(attachment))
    counts = {str(title): bucket["count"] for title, bucket in answer.context["buckets"]}
    assert counts == {
        "Attachments that are detached": 2,
        "Assets that are deleted for good": 1,
        "Assets that stay, because others have them": 1,
    }
    text = answer.content.decode()
    assert page(Asset, "change", alone) in text
    assert page(Asset, "change", shared) in text
    assert Attachment.objects.count() == 3


def test_it_is_done_once_the_name_is_typed(admin_client: Client, owned: Owned, admin_user: Any):
    attachment, alone, shared = owned
    typed = {"typed": name_of(attachment)}
    answer = admin_client.post(erasing(attachment), typed, follow=True)
    assert "2 attachments were detached" in str(*answer.context["messages"])
    assert (fresh(alone).state, fresh(shared).state) == ("deleted", "ready")
    assert Erasure.objects.get().cause["user"] == str(admin_user.pk)
    assert LogEntry.objects.get().user == admin_user


@pytest.mark.parametrize("typed", ["", "yes", "app.article:999999"])
def test_nothing_is_done_if_something_else_is_typed(admin_client: Client, owned: Owned, typed: str):
    answer = admin_client.post(erasing(owned[0]), {"typed": typed})
    assert "Nothing was done" in answer.content.decode()
    assert Attachment.objects.count() == 3


@pytest.mark.parametrize("permission", ["view_attachment", "discard_asset"])
def test_who_may_not_erase_neither_sees_nor_can_do_it__S26(owned: Owned, permission: str):
    attachment, _, _ = owned
    client = staff("view_attachment", *{permission} - {"view_attachment"})
    assert (
        erasing(attachment)
        not in client.get(page(Attachment, "change", attachment)).content.decode()
    )
    assert client.get(erasing(attachment)).status_code == 403
    assert client.post(erasing(attachment), {"typed": name_of(attachment)}).status_code == 403
    assert Attachment.objects.count() == 3


def test_the_permission_is_enough(owned: Owned):
    attachment, alone, _ = owned
    client = staff("view_attachment", "erase_owner")
    assert (
        erasing(attachment) in client.get(page(Attachment, "change", attachment)).content.decode()
    )
    client.post(erasing(attachment), {"typed": name_of(attachment)})
    assert fresh(alone).state == "deleted"
