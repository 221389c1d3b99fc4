"""Image quality as a task: no-reference scores of the enhanced image, and what the enhancement costs."""
