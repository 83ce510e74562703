"""What the test session needs around it: a database, and what to leave out on a bare machine."""
