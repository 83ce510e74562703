"""The example gallery in a real Chromium, with the demo's own servers and workers behind it."""
