"""Tasks of an adopter's own, which a real worker runs."""

from __future__ import annotations

from django.db import transaction
from procrastinate.contrib.django import app

from rindle_django import detach
from tests.app.models import Article


@app.task(name="tests:detach_in_vain", queue="tests")
def detach_in_vain(*, article_id: int) -> None:
    """Detaches, and then thinks better of it."""
    with transaction.atomic():
        detach(Article.objects.get(pk=article_id), "cover")
        transaction.set_rollback(True)


@app.task(name="tests:detach", queue="tests")
def detach_for_good(*, article_id: int) -> None:
    with transaction.atomic():
        detach(Article.objects.get(pk=article_id), "cover")
