"""What becomes of a photo's time of processors, of the wait for it, and of the memory."""
