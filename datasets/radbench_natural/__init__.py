"""The data set ``natural``: photographs, and made textures and shapes, for what learns before it sees a patient."""
