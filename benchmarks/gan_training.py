"""Training steps of sgan's first GAN: radbench's loop against a plain PyTorch loop, in turns, in one process.

    python benchmarks/gan_training.py [--steps 60] [--threads 2] [--device cpu]

Both train the networks of the profile quick on patches of the same images (256 x 256, made up) with the same losses,
optimisers and memory layout. radbench's step reads and cuts its patches, draws crops and noise by seed and place,
turns and mirrors, schedules the rates and watches the balance of G and D; the plain one takes crops and noise from one
generator. They take turns step by step, and who begins alternates.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from machine import describe_machine
from torch import Tensor
from torch.nn.functional import softplus
from training import in_turns, smooth_images

from radbench.contracts.learning import FitContext
from radbench.learn import ListLessons
from radbench.learn.fitting import Training
from radbench_sgan.config import SganConfig
from radbench_sgan.gan import Gan, Size, vgg_of
from radbench_sgan.losses import feature_error, squared_error
from radbench_sgan.patches import Cut, Patches, turned
from radbench_sgan.shown import with_noise

IMAGES = 32


def plain_step(nets: dict[str, Any], images: Tensor, config: SganConfig, vgg: Any, device: str) -> Callable[[], object]:
    """Return a step as one would write it in a notebook."""
    g, d = (net.to(device, memory_format=torch.channels_last).train() for net in (nets["G"], nets["D"]))
    betas = (config.beta1, 0.999)
    of_g = torch.optim.Adam(g.parameters(), lr=config.learning_rate, betas=betas)
    of_d = torch.optim.Adam(d.parameters(), lr=config.discriminator_rate, betas=betas)
    side, generator = config.denoising_patch, torch.Generator().manual_seed(0)

    def step() -> None:
        places = torch.randint(len(images), (config.denoising_batch,), generator=generator).tolist()
        corners = torch.randint(images.shape[-1] - side + 1, (config.denoising_batch, 2), generator=generator).tolist()
        cut = [images[i, :, y : y + side, x : x + side] for i, (y, x) in zip(places, corners, strict=True)]
        clean = torch.stack(cut).to(device)
        sigma = torch.rand(len(clean), 1, 1, 1, generator=generator).to(device) * config.sigma / 255
        noisy = (clean + sigma * torch.randn(clean.shape, generator=generator).to(device)).contiguous(
            memory_format=torch.channels_last
        )
        of_d.zero_grad(set_to_none=True)
        with torch.no_grad():
            made = g(noisy)
        (softplus(-d(clean)) + softplus(d(made))).mean().backward()
        of_d.step()
        of_g.zero_grad(set_to_none=True)
        for p in d.parameters():
            p.requires_grad_(False)
        made = g(noisy)
        loss = squared_error(made, clean) + config.vgg_weight * feature_error(made, clean, vgg.network)
        (loss + config.adversarial_weight * softplus(-d(made))).mean().backward()
        for p in d.parameters():
            p.requires_grad_(True)
        of_g.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    config = SganConfig(**SganConfig.profiles["quick"], stages=1)
    size = Size(config.denoising_blocks, config.denoising_patch, config.denoising_batch, 1, given.steps)
    vgg = vgg_of(config, None, given.device)
    gan = Gan("GAN 1", config, size, with_noise(config.noise), vgg)
    images = smooth_images(IMAGES, 256)
    lessons = ListLessons([{"clean": (image * 255).to(torch.uint8)} for image in images])
    with tempfile.TemporaryDirectory() as folder:
        apart = Path(folder)
        context = FitContext(given.device, 0, apart, apart, lambda done, total, text: None)
        patches = Patches(lessons, (given.steps + 8) * size.batch)
        ours = Training(
            gan.networks(context),
            gan.turns("GAN 1"),
            patches,
            gan.options(1),
            context,
            prepare=with_noise(config.noise),
            augment=turned,
            crop=Cut(size.patch),
            name="GAN 1",
        )
        for network in ours.networks.values():
            network.train()
        plain = plain_step(gan.networks(context), images, config, vgg, given.device)
        batches = cycle([range(i, i + size.batch) for i in range(0, len(patches), size.batch)])
        row = in_turns(lambda: ours.step(next(batches), 0), plain, given.steps, given.device)
    machine = f"{describe_machine()}, {given.threads} torch threads, {given.device}"
    print(machine)
    print(
        f"{1 / row['ours_seconds']:.2f} steps per second, a plain loop {1 / row['plain_seconds']:.2f}; a step takes "
        f"{row['seconds_ratio']:.3f} of the plain one's time ({row['processor_seconds_ratio']:.3f} of its processor's)"
    )
    file = Path(__file__).parent / "results" / "gan_training.json"
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    file.write_text(
        json.dumps({"machine": machine, "load_average": load, "steps": given.steps, **row}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
