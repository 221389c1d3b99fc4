"""Image quality as a task: no-reference scores of the enhanced image."""
