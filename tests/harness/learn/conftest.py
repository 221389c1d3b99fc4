"""What the toolkit's tests share: one thread, whose sums never vary, and a context to train in."""

import pytest
import torch

from radbench.contracts.learning import FitContext


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread: sums of several may end in other bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def context(tmp_path):
    """Return a context on the processor."""
    return FitContext("cpu", 0, tmp_path / "work", tmp_path / "beside", lambda done, total, text: None)
