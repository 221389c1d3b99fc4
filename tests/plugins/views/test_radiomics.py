"""Radiomic features: closed forms, what may not move them, and PyRadiomics where it is installed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radbench_views.radiomics import LEVELS, NAMES, radiomic_features


def named(image):
    return dict(zip(NAMES, radiomic_features(np.asarray(image, dtype=np.float64)), strict=True))


def rough(seed=0, shape=(40, 56)):
    walk = np.cumsum(np.cumsum(np.random.default_rng(seed).normal(size=shape), 0), 1)
    return (walk - walk.min()) / (walk.max() - walk.min())


def test_a_constant_image():
    found = named(np.full((8, 9), 0.3))
    assert found == pytest.approx(
        dict.fromkeys(NAMES, 0.0)
        | {
            "firstorder_Mean": 0.3,
            "firstorder_10Percentile": 0.3,
            "firstorder_90Percentile": 0.3,
            "glcm_Correlation": 1.0,
            "glcm_JointEnergy": 1.0,
            "glcm_Idm": 1.0,
        }
    )


def test_a_chessboard_of_two_levels():
    board = (np.add.outer(np.arange(8), np.arange(8)) % 2) * 0.5
    found = named(board)
    assert found["firstorder_Mean"] == 0.25
    assert found["firstorder_Variance"] == 0.0625
    assert found["firstorder_Skewness"] == pytest.approx(0)
    assert found["firstorder_Kurtosis"] == pytest.approx(1)
    assert found["firstorder_Entropy"] == pytest.approx(1)
    # Along rows and columns all neighbours differ, by 16 levels; on diagonals none does.
    assert found["glcm_Contrast"] == pytest.approx((2 * 16**2 + 0) / 4)
    assert found["glcm_Correlation"] == pytest.approx((2 * -1 + 2 * 1) / 4)
    assert found["glcm_JointEnergy"] == pytest.approx(0.5, abs=1e-3)
    assert found["glcm_Idm"] == pytest.approx((2 / 257 + 2) / 4)


def test_independent_levels_have_the_entropy_of_their_numbers():
    image = np.random.default_rng(0).random((700, 700))
    found = named(image)
    assert found["firstorder_Entropy"] == pytest.approx(math.log2(LEVELS), abs=1e-3)
    assert found["glcm_JointEntropy"] == pytest.approx(2 * math.log2(LEVELS), abs=5e-3)
    assert found["glcm_Correlation"] == pytest.approx(0, abs=5e-3)
    assert found["glcm_Contrast"] == pytest.approx((LEVELS**2 - 1) / 6, rel=5e-3)


def test_turning_a_picture_over_changes_nothing():
    image = rough()
    for turned in (image[::-1], image[:, ::-1], image.T):
        np.testing.assert_allclose(radiomic_features(turned), radiomic_features(image), rtol=1e-9)


def test_blur_and_noise_move_texture_apart():
    image = rough()
    noisy = np.clip(image + 0.1 * np.random.default_rng(1).normal(size=image.shape), 0, 1)
    assert named(noisy)["glcm_Contrast"] > 2 * named(image)["glcm_Contrast"]
    assert named(noisy)["glcm_Idm"] < named(image)["glcm_Idm"]


def test_white_belongs_to_the_last_level():
    assert named(np.array([[1.0, 1.0], [0.99, 0.99]]))["glcm_JointEnergy"] == pytest.approx(1.0)


def test_an_image_without_neighbours_is_refused():
    with pytest.raises(ValueError, match="2 x 2 pixels or more"):
        radiomic_features(np.zeros((1, 9)))


@pytest.mark.parametrize("image", [rough(), 0.3 + 0.4 * rough(1, (33, 20)), np.random.default_rng(2).random((30, 31))])
def test_they_are_those_of_pyradiomics(image):
    radiomics = pytest.importorskip("radiomics", reason="PyRadiomics is not installed")
    sitk = pytest.importorskip("SimpleITK")
    from radiomics import featureextractor

    radiomics.setVerbosity(60)
    image = np.minimum(image, 0.9999)
    mask = sitk.GetImageFromArray(np.pad(np.ones(image.shape, np.uint8), 1)[None])

    def theirs(scale, kind, width):
        settings = {"binWidth": width, "force2D": True, "distances": [1], "symmetricalGLCM": True}
        extractor = featureextractor.RadiomicsFeatureExtractor(**settings)
        extractor.disableAllFeatures()
        extractor.enableFeatureClassByName(kind)
        found = extractor.execute(sitk.GetImageFromArray(np.pad(image * scale, 1)[None]), mask)
        return {n.removeprefix("original_"): float(v) for n, v in found.items() if n.startswith("original")}

    expected = theirs(1.0, "firstorder", 1 / LEVELS) | theirs(float(LEVELS), "glcm", 1)
    for name, value in named(image).items():
        assert value == pytest.approx(expected[name], rel=1e-6, abs=1e-9), name
