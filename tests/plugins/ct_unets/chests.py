"""Small made-up chests, and lung-unet and bone-unet at a size that learns from them in seconds."""

from dataclasses import dataclass

import torch

from radbench.contracts import Case, Sample
from radbench.learn import ListLessons
from radbench_ct_unets.bone import BoneUnet
from radbench_ct_unets.config import BoneUnetConfig, LungUnetConfig
from radbench_ct_unets.lung import LungUnet

TINY = {"size": 32, "first_filters": 8, "depth": 2, "schedule": "cosine"}


LUNG = LungUnetConfig(
    **TINY,
    segmentation_augmentation="none",
    extraction_augmentation="none",
    batch_size=4,
    clahe_kernel=8,
    positive_weight=3.0,
    dice_weight=1.0,
    segmentation_epochs=20,
    extraction_epochs=20,
    segmentation_rate=1e-2,
    extraction_rate=1e-2,
)


CARRIED = {"detail": "carried", "detail_size": 64, "coarse_size": 16, "coarse_filters": 8, "mirrored": True}


SHARP_LUNG = LUNG.model_copy(update={**CARRIED, "pieces": 2, "stretched": False, "extraction_epochs": 60})


BONE = BoneUnetConfig(**TINY, augmentation="none", batch_size=4, epochs=20, learning_rate=1e-2, loss="l1")


SHARP_BONE = BONE.model_copy(update={**CARRIED, "stretched": False})


ALL = [(LungUnet, LUNG), (BoneUnet, BONE), (LungUnet, SHARP_LUNG), (BoneUnet, SHARP_BONE)]


@dataclass(frozen=True)
class Given:
    """Lessons of one source."""

    train: ListLessons
    validation: ListLessons


def lessons_of(learner, train, validation=None):
    validation = HELD_OUT if validation is None else validation
    sets = ([learner.lesson(Sample(case, case.image)) for case in some] for some in (train, validation))
    return Given(*map(ListLessons, sets))


def enhanced(enhancer, images):
    """Enhance as the harness does: in evaluation mode, without gradients."""
    with torch.no_grad():
        return enhancer.eval().enhance(images)


def cases(n=8, size=32, seed=0):
    """Two dark lungs in a bright body, stripes of bone across, a nodule in one lung."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, size),) * 2, indexing="ij")
    found = []
    for i in range(n):
        dx, dy, r = (torch.rand(3, generator=generator) * 0.2 - 0.1).tolist()
        lungs = (((x.abs() - 0.45 - dx / 2) / (0.3 + r)) ** 2 + ((y - dy) / 0.7) ** 2) < 1
        nodule = (x - 0.45) ** 2 + (y - dy) ** 2 < 0.02
        bones = ((y * 12 + dy * 10).sin() > 0.5).float()
        vessels = torch.rand(size, size, generator=generator) * 0.2
        lung_image = (lungs * (0.4 + vessels) + 0.4 * nodule).clamp(0, 1)
        image = (0.75 - 0.5 * lungs.float() + 0.5 * lungs * vessels + 0.2 * nodule + 0.15 * bones).clamp(0, 1)
        found.append(
            Case(
                f"c{seed}-{i}",
                f"p{seed}-{i}",
                image[None],
                targets={
                    "lung_mask": lungs[None],
                    "lung_field_mask": (lungs & (y < dy + 0.3))[None],
                    "aerated_lung_mask": (lungs & (y < dy + 0.3) & (x.abs() > 0.4))[None],
                    "nodule_mask": nodule[None],
                    "lung_image": lung_image[None],
                    "bone_image": bones[None],
                },
            )
        )
    return found


HELD_OUT = cases(2, seed=9)


def images_of(cases):
    return torch.stack([case.image for case in cases])


def targets_of(cases, name):
    return torch.stack([case.targets[name] for case in cases])
