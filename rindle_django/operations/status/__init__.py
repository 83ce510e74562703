"""Runtime status: what is stuck, degraded, failed or piling up, and the verb that mends each.

It reads within bounds, changes nothing, and works on a replica.
"""

from rindle_django.operations.status.report import Finding, RuntimeStatus
from rindle_django.operations.status.status import runtime_status

__all__ = ["Finding", "RuntimeStatus", "runtime_status"]
