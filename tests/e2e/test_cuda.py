"""Whole runs on a card, in worker processes: they train, repeat themselves and score as the processor does."""

import pytest
import torch

import radbench

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

SMALL = (
    "lung-unet[trained_on=phantom-cxr[patients=10,grid=[32,32,32],size=64],"
    "size=64,segmentation_epochs=2,extraction_epochs=2,chest_epochs=2]"
)
ALL_OF_IT = SMALL.replace("chest_epochs=2", "only_chests=false,segmentation=false,mirrored=false")
"""Nothing is left out, however little was learnt."""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_a_learner_is_trained_on_a_card(cache, precision):
    (trained,) = radbench.train(SMALL, device="cuda", precision=precision, out=cache / "train")
    assert trained.status == "ok", trained.error


def test_what_a_card_taught_is_the_same_on_the_processor(cache):
    image = torch.rand(1, 1, 96, 80, generator=torch.Generator().manual_seed(0))
    on_card, on_processor = (radbench.enhance(ALL_OF_IT, image, device=device) for device in ("cuda", "cpu"))
    assert float(on_processor.layers["lung_image"].max()) > 0
    torch.testing.assert_close(on_card.image.cpu(), on_processor.image, atol=2e-3, rtol=0)


GAN = (
    "filters=8,discriminator_filters=4,validation_patches=4,trained_on=natural[made=14],skip=true,pretrained=false,"
    "learning_rate=5e-4"
)
LEARNT = (
    f"sgan[denoising_epochs=2,enhancing_epochs=2,steps_per_epoch=30,{GAN}]",
    f"single-gan[epochs=2,steps_per_epoch=30,{GAN}]",
    "dncnn[epochs=1,steps_per_epoch=10,trained_on=natural[made=14]]",
)


@pytest.mark.parametrize("enhancer", LEARNT, ids=["sgan", "single-gan", "dncnn"])
def test_gans_and_the_denoiser_learn_on_a_card_and_enhance_on_the_processor(cache, enhancer):
    for precision in ("float32", "mixed"):
        # The first of two stages is trained on the way to the second.
        trained = radbench.train(enhancer, device="cuda", precision=precision, out=cache / precision)
        assert trained
        assert not [one.error for one in trained if one.status != "ok"]
    image = torch.rand(1, 1, 96, 80, generator=torch.Generator().manual_seed(0))
    on_card, on_processor = (radbench.enhance(enhancer, image, device=device) for device in ("cuda", "cpu"))
    torch.testing.assert_close(on_card.image.cpu(), on_processor.image, atol=2e-3, rtol=0)


GUIDED = "trained_on=phantom-cxr[patients=10,grid=[32,32,32],size=64],fragment=whole,side=64,patch=64,epochs=2"


@pytest.mark.parametrize(
    "enhancer",
    [f"guided-unet[{GUIDED}]", "madmad[pictures=20,side=64,epochs=2]"],
    ids=["guided-unet", "madmad"],
)
def test_what_learns_without_labels_learns_on_a_card_and_enhances_on_the_processor(cache, enhancer):
    for precision in ("float32", "mixed"):
        # The first round is trained on the way to the second.
        trained = radbench.train(enhancer, device="cuda", precision=precision, out=cache / precision)
        assert trained
        assert not [one.error for one in trained if one.status != "ok"]
    image = torch.rand(1, 1, 96, 80, generator=torch.Generator().manual_seed(0))
    on_card, on_processor = (radbench.enhance(enhancer, image, device=device) for device in ("cuda", "cpu"))
    torch.testing.assert_close(on_card.image.cpu(), on_processor.image, atol=5e-3, rtol=0)


def test_classical_enhancers_are_scored_on_a_card_as_on_the_processor(cache):
    frames = [
        radbench.run(["original", "clahe", "wls"], "grabcut", device=device, limit=3, out=cache / device)
        for device in ("cpu", "cuda")
    ]
    values = [frame.set_index(["enhancer", "metric", "group"])["value"].sort_index() for frame in frames]
    assert len(values[0]) > 10
    assert abs(values[0] - values[1]).max() < 1e-3
