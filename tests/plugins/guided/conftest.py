"""Small made-up pictures, and where a training may work."""

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
    for name in ("work", "beside"):
        (tmp_path / name).mkdir()
    return FitContext("cpu", 0, tmp_path / "work", tmp_path / "beside", lambda done, total, text: None)


@pytest.fixture
def pictures():
    """Return ``[n,1,H,W]``: discs of several greys before a shaded ground, and some noise."""

    def made(n=2, size=(44, 38), seed=0):
        generator = torch.Generator().manual_seed(seed)
        y, x = torch.meshgrid(*(torch.linspace(0, 1, k) for k in size), indexing="ij")
        out = []
        for _ in range(n):
            image = 0.3 + 0.3 * x + 0.02 * torch.randn(size, generator=generator)
            for cx, cy, r, grey in torch.rand(6, 4, generator=generator).tolist():
                image[(x - cx) ** 2 + (y - cy) ** 2 < 0.06 * r] = grey
            out.append(image.clamp(0, 1)[None])
        return torch.stack(out)

    return made
