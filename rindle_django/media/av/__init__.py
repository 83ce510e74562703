"""Audio and video: what is in a file, and what FFmpeg makes of it. Everything is a local file."""
