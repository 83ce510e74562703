"""Every operation, stopped before every statement and at every boundary, while another runs to its
end. ``python -m tests.durability.preemption`` tries all schedules of all ordered pairs.
"""

UNATTACHED_TTL = 30 * 86_400
"""After which cleanup takes what is attached to nothing: far beyond the end of a schedule."""
