"""The engine (floor 4): plans pairs, shares their steps, runs them in worker processes, keeps what succeeded."""
