"""How a run is set up, and what it has to have done to prove anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

BAR = {"uploads": 2000, "kills": 100, "restarts": 3}
LOW_BAR = {"uploads": 20, "kills": 5, "restarts": 1}
LONG = 120.0  # seconds from which on the bar is high, and every kind of fault has to be seen
KINDS = (
    *("workers killed", "clients killed", "decoders killed", "workers stopped for 1.5 leases"),
    *("Postgres restarts, fast", "Postgres restarts, immediate", "backends terminated"),
    *("jobs duplicated", "jobs deleted", "jobs frozen"),
    *("storage: error before", "storage: answer lost", "storage: slow", "storage: cut short"),
)


@dataclass(frozen=True)
class Plan:
    """``rate`` is how many uploads all clients together begin in a second."""

    seconds: float
    workers: int
    clients: int
    rate: float
    seed: int
    lease: int

    @property
    def upload_ttl(self) -> int:
        return 4 * self.lease

    @property
    def rindle(self) -> dict[str, object]:
        return {
            "LEASE": self.lease,
            "RECONCILE_GRACE": 1,
            "STALLED_AFTER": 4 * self.lease,
            "BACKOFF_BASE": 0.2,
            "BACKOFF_CAP": 2.0,
            "ROUND_PAUSE": 1,
            "UPLOAD_TTL": self.upload_ttl,
            "SIGN_TTL": self.upload_ttl,
            "LATE_PUT_GRACE": 1,
            "QUARANTINE_TTL": None,
            "SCHEDULES": {
                "reconcile": "* * * * * */2",
                "abort_incomplete_uploads": "* * * * * */5",
                "cleanup_orphans": "* * * * * */5",
            },
        }

    @property
    def worker(self) -> dict[str, object]:
        return {
            "update_heartbeat_interval": 1.0,
            "stalled_worker_timeout": float(self.lease),
            "fetch_job_polling_interval": 1.0,
        }

    @property
    def patience(self) -> float:
        """How long nothing may seem to happen before things are held to be stuck."""
        return 2 * (self.lease + 1 + 5) + self.upload_ttl + 20

    def missed(self, uploads: int, faults: Counter[str]) -> list[str]:
        """What the run did not do enough of to prove anything."""
        restarts = sum(count for name, count in faults.items() if name.startswith("Postgres"))
        done = {"uploads": uploads, "kills": faults["workers killed"], "restarts": restarts}
        bar = BAR if self.seconds >= LONG else LOW_BAR
        missed = [
            f"Only {done[name]} {name}, {least} are the bar"
            for name, least in bar.items()
            if done[name] < least
        ]
        unseen = [kind for kind in KINDS if not faults[kind]] if bar is BAR else []
        return missed + [f"There was no fault of the kind {kind!r}" for kind in unseen]
