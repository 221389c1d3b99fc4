"""One thread, and where a training keeps its files."""

import pytest
import torch

from radbench.contracts import FitContext


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def context(tmp_path):
    return FitContext("cpu", 0, tmp_path / "work", tmp_path / "beside", lambda done, total, text: None)
