"""What the tests of plugins share: estimates of how long a training takes, from as few steps as there can be."""

import pytest

from radbench.learn.estimating import estimate


@pytest.fixture(autouse=True)
def estimates_in_two_steps(monkeypatch):
    """Time one step after the one that warms up, where a user's training times a second of them."""
    for name, few in (("timed_steps", 1), ("timed_seconds", 0.0)):
        monkeypatch.setitem(estimate.__kwdefaults__, name, few)
