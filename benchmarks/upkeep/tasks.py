"""The least that a task can do, with the arguments of ours."""

from __future__ import annotations

from procrastinate.contrib.django import app


@app.task(name="benchmarks:nothing", queue="benchmarks_nothing")
def nothing(*, asset_id: str, variant_name: str) -> None:
    del asset_id, variant_name
