"""Fidelity as a task: whether an enhanced image shows what its original shows, and nothing else."""
