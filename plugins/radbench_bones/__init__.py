"""Bone suppression as a task: what is left of the bones where they are to be gone, and of all else."""
