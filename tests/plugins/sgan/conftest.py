"""Small made-up photographs, and where a training may work."""

from dataclasses import dataclass

import pytest
import torch

from radbench.contracts import Case, FitContext, Sample
from radbench.learn import ListLessons


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


@dataclass(frozen=True)
class Given:
    """Lessons of one source."""

    train: ListLessons
    validation: ListLessons


def photograph(i, size=(48, 40)):
    """Discs of several greys before a shaded ground: edges, plains and a gradient."""
    generator = torch.Generator().manual_seed(i)
    y, x = torch.meshgrid(*(torch.linspace(0, 1, n) for n in size), indexing="ij")
    image = 0.3 + 0.3 * x
    for cx, cy, r, grey in torch.rand(6, 4, generator=generator).tolist():
        image[(x - cx) ** 2 + (y - cy) ** 2 < 0.06 * r] = grey
    return image[None]


class Photographs:
    def __call__(self, learner, train=6, validation=2):
        def lessons(numbers):
            images = {f"p{i}": photograph(i) for i in numbers}
            found = [learner.lesson(Sample(Case(name, name, image), image)) for name, image in images.items()]
            return ListLessons(found, list(images))

        return Given(lessons(range(train)), lessons(range(100, 100 + validation)))

    @staticmethod
    def held_out(n=3):
        return torch.stack([photograph(100 + i) for i in range(n)])


@pytest.fixture
def photographs():
    return Photographs()
