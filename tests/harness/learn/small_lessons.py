"""What the toolkit's tests learn from: small images whose truth is known."""

import torch

from radbench.learn import Batch, ListLessons


def discs(n=6, size=16, seed=0):
    """Bright discs on noise, with their mask and a label: whether the disc lies in the left half."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    centres = torch.rand(n, 2, generator=generator) * size / 2 + size / 4
    masks = ((x - centres[:, 0, None, None]) ** 2 + (y - centres[:, 1, None, None]) ** 2 < (size / 5) ** 2)[:, None]
    images = 0.5 * masks + 0.3 * torch.rand(n, 1, size, size, generator=generator)
    labels = (centres[:, 0] < size / 2).float()
    pieces = zip(images, masks, labels, strict=True)
    return ListLessons([{"image": i, "disc": m.float(), "area": m, "left": label} for i, m, label in pieces])


def batch_of(lessons, places=None):
    """Lessons side by side, as the loop puts them."""
    places = range(len(lessons)) if places is None else places
    return Batch({name: torch.stack([lessons[i][name] for i in places]) for name in lessons[0]}, tuple(places))


def state_of(network):
    """A network's weights as they are now."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(a, b):
    """Whether two states are the same to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
