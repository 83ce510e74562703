"""The faults, one for every line that a guarantee hangs by.

Each was made by somebody before, here or elsewhere; ``puts_back`` says where it is written down.
"""

from __future__ import annotations

from tests.durability.mutants.faults import decisions, entrance, queue, removal, work

MUTANTS = (
    *decisions.MUTANTS,
    *work.MUTANTS,
    *removal.MUTANTS,
    *entrance.MUTANTS,
    *queue.MUTANTS,
)
