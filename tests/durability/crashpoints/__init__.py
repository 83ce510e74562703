"""The crash points: one photo's whole life, killed at every boundary it crosses, each time anew.

``python -m tests.durability.crashpoints`` counts the boundaries in a run without faults and then
dies once at each, recovers, and judges by what the client had been told.
"""
