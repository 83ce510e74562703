"""What memory this process takes."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_mb(field: str = "VmRSS") -> float:
    """Now, or at its peak (``VmHWM``) since ``forget_peak``."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # then the peak includes what came before, which can only look worse
