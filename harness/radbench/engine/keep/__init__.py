"""Keep: what is finished, sealed and addressed by key: the store, the journal, and the code that keys follow."""
