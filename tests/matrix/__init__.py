"""The matrix: every file of a folder, good, odd or hostile, through the whole pipeline with real
workers. Each has to end, and none may take a worker with it.
"""
