"""Other views of a radiograph as tasks: how near they come to what CT shows from there, and how real they look."""
