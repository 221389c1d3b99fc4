"""null: an enhancer's tone and nothing else: closed forms, no new structure, and the spec of its part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.isotonic import IsotonicRegression

from radbench.contracts import Enhancement, EnhancerSpec
from radbench.contracts.config import config_of, part_of
from radbench.metrics import brisque, lpc_si
from radbench_compositions.null import null, spec_of_null
from radbench_compositions.plugin import radbench_enhancers

IMAGES = torch.rand(2, 1, 24, 31, generator=torch.Generator().manual_seed(0))


def toned(images):
    return Enhancement(images**2, {"details": images})


def inverted(images):
    return Enhancement(1 - images)


def noisy(images):
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(1))
    return Enhancement((0.3 * images + 0.4 * noise).clamp(0, 1))


@pytest.mark.parametrize("tone", [toned, inverted, Enhancement, lambda images: Enhancement(images.clamp(0.2, 0.7))])
def test_the_control_of_a_tone_curve_rising_or_falling_is_the_curve_itself(tone):
    torch.testing.assert_close(null(IMAGES, of=tone).image, tone(IMAGES).image, rtol=0, atol=1e-7)


def test_it_is_scikit_learns_isotonic_regression_of_each_image_by_itself():
    found, wanted = null(IMAGES, of=noisy).image, noisy(IMAGES).image
    for image, original, target in zip(found, IMAGES, wanted, strict=True):
        fit = IsotonicRegression().fit_transform(original.ravel().double(), target.ravel().double())
        np.testing.assert_allclose(image.ravel(), fit, atol=1e-6)


def test_pixels_keep_the_order_that_they_have_in_the_original():
    for image, original in zip(null(IMAGES, of=noisy).image, IMAGES, strict=True):
        assert (image.ravel()[original.ravel().argsort()].diff() >= 0).all()


def test_pixels_of_one_level_keep_one_level():
    levels = (IMAGES * 8).round() / 8
    image = null(levels, of=noisy).image[0]
    for level in levels[0].unique():
        assert len(image[levels[0] == level].unique()) == 1


def test_a_shift_of_the_picture_is_no_tone():
    """Shifted by a quarter of its period, a lattice has both levels on either: the best curve is flat."""
    quarter = torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(6).repeat(1, 1, 24, 1)
    image = null(quarter, of=lambda images: Enhancement(images.roll(1, -1))).image
    assert torch.equal(image, torch.full_like(image, 0.5))


def test_batch_and_company_change_nothing_and_the_images_are_left_as_they_were():
    before = IMAGES.clone()
    together = null(IMAGES, of=noisy).image
    assert together.dtype == torch.float32
    first = null(IMAGES[:1], of=lambda images: Enhancement(noisy(IMAGES).image[:1])).image
    assert torch.equal(together[:1], first)
    assert torch.equal(IMAGES, before)


def test_scores_that_tone_raises_it_raises_as_well():
    """What makes the control worth its time: a score that a mere tone curve moves, moves alike for the null."""
    image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(3)) * 0.2 + 0.4
    stretched = Enhancement((image - 0.4) / 0.2)
    control = null(image, of=lambda _: stretched).image
    for metric in (brisque, lpc_si):
        assert float(metric(control)) == pytest.approx(float(metric(stretched.image)), rel=1e-5)
        assert float(metric(control)) != pytest.approx(float(metric(image)), rel=1e-3)


def test_no_layers_and_the_modality_of_the_part():
    assert null(IMAGES, of=toned).layers == {}
    own = next(spec for spec in radbench_enhancers() if spec.name == "null")
    layered = EnhancerSpec(
        "a", "a.module:function", "", modality="cxr", layers=("lung_image",), learns=True, renders=True
    )
    found = spec_of_null(own, config_of(null)(of="a"), {"of": layered})
    assert (found.modality, found.layers, found.learns, found.renders) == ("cxr", (), False, False)
    assert (own.factory, own.spec_for) == (f"{null.__module__}:null", f"{null.__module__}:spec_of_null")


def test_it_is_of_one_enhancer():
    model = config_of(null)
    field = part_of(model.model_fields["of"])
    assert (field.kind, field.many, field.learns) == ("enhancer", False, False)
    assert model.model_fields["of"].description
    with pytest.raises(ValidationError):
        model()
