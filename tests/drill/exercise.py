"""One fault, from a healthy project to a healthy project."""

from __future__ import annotations

import re

from tests.drill.faults import Fault, Named, named
from tests.drill.project import Fell, Project


def exercise(project: Project, fault: Fault) -> Named:
    """What named it. Raises Fell if it was named before, is not named, or is not mended."""
    if (before := named(project, fault)) is not None:
        raise Fell(f"named before it was seeded: {before.finding}")
    assets = fault.seed(project)
    said: Named = project.until(f"it is named by {fault.asks[0]}", lambda: named(project, fault))
    if not re.search(fault.verb, said.fix):
        raise Fell(f"{said.fix!r} does not name {fault.verb}")
    fault.mend(project, said)
    for asset in assets or [project.people("upload", "drill-photo")]:
        if fault.gone:
            _gone(project, asset)
        else:
            project.until_ready(asset)
    project.until("every queue is drained", lambda: _drained(project))
    project.until("it is no longer named", lambda: named(project, fault) is None)
    return said


def _gone(project: Project, asset: str) -> None:
    project.until(
        f"asset {asset} is gone",
        lambda: project.people("look", asset)["state"] == "gone",
    )


def _drained(project: Project) -> bool:
    told = project.run("rindle_runtime_status", "--format", "json").document()
    return not any(each["waiting"] or each["doing"] for each in told["queues"])
