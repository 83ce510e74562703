"""Mutants: known faults put back into the library on purpose, each of which tests must notice.

    python -m tests.durability.mutants [--jobs 2] [--only NAME]

A suite that stays green while a guarantee is broken proves nothing. ``faults`` lists them;
``bench`` puts each into a copy of the tree and runs the few tests that must turn red.
"""
