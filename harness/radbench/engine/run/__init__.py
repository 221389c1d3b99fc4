"""Run: one scheduler, the executors behind it, and who is told."""
