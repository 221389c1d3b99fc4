"""chain: parts in their order, each on the image of the one before, with the layers and the modality of all."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import ConfigurationError, Enhancement, EnhancerSpec
from radbench.contracts.config import config_of, part_of
from radbench_compositions.chain import chain, spec_of_chain
from radbench_compositions.plugin import radbench_enhancers

IMAGES = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(0))


def halved(images):
    return Enhancement(0.5 * images, {"details": images, "base": 0.5 * images})


def inverted(images):
    return Enhancement(1 - images, {"details": 1 - images})


def kept(images):
    return Enhancement(images)


def spec(name, modality="any", layers=()):
    return EnhancerSpec(name=name, factory="a.module:function", summary="", modality=modality, layers=layers)


def spec_of(*below):
    own = next(one for one in radbench_enhancers() if one.name == "chain")
    return spec_of_chain(own, config_of(chain)(of=[one.name for one in below]), {"of": below})


def test_each_part_sees_the_image_of_the_one_before():
    assert torch.equal(chain(IMAGES, of=(halved, inverted)).image, 1 - 0.5 * IMAGES)
    assert torch.equal(chain(IMAGES, of=(inverted, halved)).image, 0.5 * (1 - IMAGES))


def test_one_part_alone_is_that_part():
    alone, itself = chain(IMAGES, of=(halved,)), halved(IMAGES)
    assert torch.equal(alone.image, itself.image)
    assert alone.layers.keys() == itself.layers.keys()


def test_what_changes_nothing_may_stand_anywhere():
    expected = chain(IMAGES, of=(halved, inverted))
    for of in ((kept, halved, inverted), (halved, kept, inverted), (halved, inverted, kept)):
        found = chain(IMAGES, of=of)
        assert torch.equal(found.image, expected.image)
        assert all(torch.equal(found.layers[name], layer) for name, layer in expected.layers.items())


def test_a_chain_in_a_chain_is_one_chain():
    def inner(images):
        return chain(images, of=(halved, inverted))

    nested, flat = chain(IMAGES, of=(inner, halved)), chain(IMAGES, of=(halved, inverted, halved))
    assert torch.equal(nested.image, flat.image)
    assert all(torch.equal(nested.layers[name], layer) for name, layer in flat.layers.items())


def test_layers_of_all_are_offered_and_later_ones_win():
    layers = chain(IMAGES, of=(halved, inverted)).layers
    assert torch.equal(layers["base"], 0.5 * IMAGES)
    assert torch.equal(layers["details"], 1 - 0.5 * IMAGES)


def test_the_images_are_left_as_they_were():
    before = IMAGES.clone()
    chain(IMAGES, of=(inverted, halved))
    assert torch.equal(IMAGES, before)


def test_the_spec_has_the_layers_and_the_modality_of_the_parts():
    found = spec_of(spec("a", layers=("base", "details")), spec("b", "cxr", ("details", "lung_image")), spec("c"))
    assert found.layers == ("base", "details", "lung_image")
    assert found.modality == "cxr"
    assert not found.renders


def test_parts_for_any_image_make_a_chain_for_any():
    assert spec_of(spec("a"), spec("b")).modality == "any"


def test_parts_for_different_images_are_refused_with_their_names():
    with pytest.raises(ConfigurationError, match=r"'a' is for ct, 'c' is for cxr"):
        spec_of(spec("a", "ct"), spec("b"), spec("c", "cxr"))


def test_the_plugin_names_both_functions():
    own = next(one for one in radbench_enhancers() if one.name == "chain")
    assert own.factory == f"{chain.__module__}:chain"
    assert own.spec_for == f"{spec_of_chain.__module__}:spec_of_chain"


def test_the_configuration_is_a_list_of_enhancers():
    model = config_of(chain)
    field = part_of(model.model_fields["of"])
    assert (field.kind, field.many, field.learns) == ("enhancer", True, False)
    assert model(of="[wls,clahe[clip_limit=0.02]]").of == ("wls", "clahe[clip_limit=0.02]")
    assert model.model_fields["of"].description


@pytest.mark.parametrize("fields", [{}, {"of": []}, {"of": "[]"}, {"of": [3]}])
def test_a_chain_of_nothing_is_refused(fields):
    with pytest.raises(ValidationError):
        config_of(chain)(**fields)


def test_listing_imports_nothing_heavy():
    heavy = ("torch", "cv2", "numpy", "scipy", "pandas")
    code = (
        "import sys, radbench_compositions.plugin as p; p.radbench_enhancers(); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
