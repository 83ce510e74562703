"""The library against a reference of a few hundred lines: any history of calls, jobs, faults and
passing time has to leave both in the same state. ``python -m tests.durability.model`` runs it long.
"""
