"""Run in a process of its own: an operator of another user model goes through the pages."""

from __future__ import annotations

import sys

import django

django.setup()

from django.contrib.admin.models import LogEntry  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from rindle_django.admin import PAGES  # noqa: E402
from rindle_django.models import Asset, Batch, FailedVariant, Transition  # noqa: E402
from tests.admin.office import order, page, verb_page  # noqa: E402
from tests.rows import asset_in, variant_in  # noqa: E402

setup_test_environment()
call_command("migrate", verbosity=0, run_syncdb=True)
call_command("check")
person = get_user_model().objects.create_superuser("ann@example.com", "x")
client = Client()
client.force_login(person)
asset = asset_in("degraded", actor=f"people.person:{person.pk}")
variant = variant_in("failed", asset=asset, name="thumb", reason_code="decoder_timeout")

for model in PAGES:
    assert client.get(page(model)).status_code == 200, model
assert client.get(page(Asset) + f"?q=people.person:{person.pk}").status_code == 200
assert client.get(page(Asset, "change", asset)).status_code == 200
assert client.post(verb_page(asset, "requeue")).status_code == 302
assert LogEntry.objects.get().user == person
causes = Transition.objects.filter(to_state="queued", from_state="failed").values_list("cause")
assert [cause["user"] for (cause,) in causes] == [str(person.pk)]
assert order(client, FailedVariant, "requeue").status_code == 200
assert not Batch.objects.exists()
sys.stdout.write("visited\n")
