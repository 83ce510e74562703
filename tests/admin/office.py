"""The people of the admin, and where its pages are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from rindle_django.models import Asset

LOOKING = ("view_asset", "view_variant", "view_failedvariant", "view_overview", "view_batch")


def page(model: Any, what: str = "changelist", row: Any = None) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}"
    return reverse(name, args=[row.pk] if row is not None else [])


def verb_page(asset: Asset, verb: str) -> str:
    return reverse("admin:rindle_asset_do", args=[asset.pk, verb])


def staff(*permissions: str, strict: bool = False) -> Client:
    """Somebody who may look at the media pages, and whatever else is said."""
    user = User.objects.create_user(f"helper {User.objects.count()}", is_staff=True)
    names = (*LOOKING, *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    assert user.user_permissions.count() == len(names)
    client = Client(enforce_csrf_checks=strict)
    client.force_login(user)
    return client


def order(client: Client, model: Any, verb: str, *rows: Any, query: str = "", **more: str) -> Any:
    """What an action of a list answers; all rows of all pages if none are named."""
    across = {} if rows else {"select_across": "1"}
    data = {"action": verb, "_selected_action": [str(row.pk) for row in rows] or ["0"]}
    return client.post(page(model) + query, {**data, **across, **more}, follow=True)
