"""A drill: ten faults are seeded in a running project, one after another, and each has to be named
by doctor or status alone, and mended by the verb that they name.
"""
