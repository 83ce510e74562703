"""Servers that the demo and the tests start for themselves."""
