"""Classical enhancement: methods that learn nothing, and images that were enhanced elsewhere."""
