"""The state machines, as tables. Checks, database guard, documentation and admin derive from them.

An edge that is not here is refused by the API, by ``QuerySet.update()`` and by psql alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """A named set of states and the edges between them. The first state is the initial one.

    ``on_request`` are edges that only somebody's explicit wish takes, as ``a>b``: no code that
    does not name their source leads along them.
    """

    name: str
    edges: Mapping[str, frozenset[str]]
    on_request: frozenset[str] = frozenset()

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.edges)

    @property
    def initial(self) -> str:
        return next(iter(self.edges))

    @property
    def terminal(self) -> frozenset[str]:
        return frozenset(state for state, targets in self.edges.items() if not targets)

    def allows(self, source: str, target: str) -> bool:
        return target in self.edges.get(source, ())

    def sources_of(self, target: str, named: Collection[str] | None = None) -> frozenset[str]:
        """Where ``target`` is reached from, less the edges on request; or, of ``named``, all."""
        sources = frozenset(source for source, targets in self.edges.items() if target in targets)
        if named is not None:
            return sources & frozenset(named)
        return frozenset(each for each in sources if f"{each}>{target}" not in self.on_request)

    def edge_list(self) -> tuple[str, ...]:
        """``a>b`` for each edge and ``>a`` for the initial state; what the database guard knows."""
        pairs = sorted(f"{a}>{b}" for a, targets in self.edges.items() for b in targets)
        return (f">{self.initial}", *pairs)


def _machine(name: str, edges: Mapping[str, str], on_request: str = "") -> Machine:
    table = {state: frozenset(targets.split()) for state, targets in edges.items()}
    return Machine(name, table, frozenset(on_request.split()))


# Any live asset can be quarantined or deleted, and those two absorb: nothing that is computed
# leads out of them (D1, D8). Who unquarantines an asset has it looked at again from the start.
ASSET = _machine(
    "asset",
    {
        "staged": "validating quarantined deleted",
        "validating": "analyzing quarantined deleted",
        "analyzing": "promoting quarantined deleted",
        "promoting": "available quarantined deleted",
        "available": "processing transcoding ready quarantined deleted",
        "processing": "transcoding ready degraded quarantined deleted",
        "transcoding": "processing ready degraded quarantined deleted",
        "ready": "processing transcoding degraded quarantined deleted",
        "degraded": "processing transcoding ready quarantined deleted",
        "quarantined": "validating deleted",
        "deleted": "",
    },
    on_request="quarantined>validating",
)

VARIANT = _machine(
    "variant",
    {
        "planned": "queued cancelled purged",
        "queued": "processing cancelled failed purged",
        "processing": "queued ready failed cancelled purged",
        "ready": "queued stale missing purged",
        "stale": "queued purged",
        "missing": "queued purged",
        "failed": "queued purged",
        "cancelled": "queued purged",
        "purged": "",
    },
)

SESSION = _machine(
    "session",
    {
        "initialized": "signed uploading uploaded verifying aborted expired failed",
        "signed": "resuming uploading uploaded verifying aborted expired failed",
        "resuming": "uploading aborted expired failed",
        "uploading": "uploaded verifying aborted expired failed",
        "uploaded": "verifying aborted expired failed",
        "verifying": "completed failed",
        "completed": "",
        "aborted": "",
        "expired": "",
        "failed": "",
    },
)

OBJECT = _machine(
    "object",
    {
        "expected": "present doomed",
        "present": "doomed",
        "doomed": "gone",
        "gone": "",
    },
)

MACHINES = {machine.name: machine for machine in (ASSET, VARIANT, SESSION, OBJECT)}

ABSORBING_ASSET_STATES = frozenset({"quarantined", "deleted"})
# An asset in one of these has a verified, frozen original.
VERIFIED_ASSET_STATES = frozenset({"available", "processing", "transcoding", "ready", "degraded"})
PROMOTABLE_ASSET_STATES = frozenset({"validating", "analyzing", "promoting"})
ATTACHABLE_ASSET_STATES = frozenset(ASSET.states) - ABSORBING_ASSET_STATES - {"staged"}
OPEN_SESSION_STATES = SESSION.sources_of("expired")
ACTIVE_VARIANT_STATES = frozenset({"planned", "queued", "processing"})
REQUEUEABLE_VARIANT_STATES = frozenset({"failed", "cancelled", "missing", "stale"})
