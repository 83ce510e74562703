"""The ground of what is measured without a picture being decoded: an app with one profile, one
task that does nothing, and a Postgres that writes to the disk before it answers.
"""
