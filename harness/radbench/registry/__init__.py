"""The registry of plugins (floor 3): hooks, discovery, guarded loading, variants."""
