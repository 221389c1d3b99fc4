"""Config: frozen, closed, with the source of every field; and how functions and classes get theirs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated

import pytest
from pydantic import BaseModel, ValidationError

from radbench.contracts import EnhancerSpec, PluginError, TaskSpec
from radbench.contracts.config import (
    Config,
    Derived,
    PartName,
    PartNames,
    affects,
    config_of,
    learns_from,
    local,
    local_fields,
    param,
    part,
    part_of,
    parts,
    source_of,
)

if TYPE_CHECKING:
    from torch import Tensor


class Window(Config):
    size: int = param(40, "window side in pixels", source="paper 2.1", ge=1)


def test_a_configuration_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Window().size = 3


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Window(sise=3)


def test_a_default_is_validated_like_a_given_value():
    class Wrong(Config):
        size: int = param(0, source="assumed", ge=1)

    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Wrong()


@pytest.mark.parametrize("source", ["", "guess", "Paper 3"])
def test_a_field_must_say_where_its_default_comes_from(source):
    with pytest.raises(ValueError, match="must start with one of paper, code, assumed"):
        param(1, source=source)


def test_the_source_of_a_field_is_kept():
    assert source_of(Window.model_fields["size"]) == "paper 2.1"


def gamma(
    images: Tensor, exponent: float = 0.8, invert=False, *, steps: Annotated[int, param(source="code", ge=1)] = 2
):
    """Its first annotation is imported for type checkers alone, as in most plugins."""


def test_the_keyword_arguments_of_a_function_are_its_configuration():
    config = config_of(gamma)()
    assert config.model_dump() == {"exponent": 0.8, "invert": False, "steps": 2}


def test_what_a_function_does_not_tag_is_assumed_and_what_it_tags_is_kept():
    fields = config_of(gamma).model_fields
    assert {n: source_of(f) for n, f in fields.items()} == {"exponent": "assumed", "invert": "assumed", "steps": "code"}


def test_a_function_s_constraints_and_types_hold():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        config_of(gamma)(steps=0)
    with pytest.raises(ValidationError, match="valid number"):
        config_of(gamma)(exponent="strong")


def test_an_argument_without_a_default_must_be_given():
    def scale(images, factor: float):
        return images * factor

    with pytest.raises(ValidationError, match="Field required"):
        config_of(scale)()


def test_cases_and_open_arguments_are_no_configuration():
    def by_id(images, cases, *rest, amount=1.0, **more):
        return images

    assert list(config_of(by_id).model_fields) == ["amount"]


def test_a_decorated_function_keeps_its_configuration():
    @functools.wraps(gamma)
    def wrapped(*args, **kwargs):
        return gamma(*args, **kwargs)

    assert config_of(wrapped)().steps == 2


def test_a_class_carries_its_own_configuration_or_none():
    class Learner:
        Config = Window

    class Plain:
        pass

    assert config_of(Learner) is Window
    assert config_of(Plain)().model_dump() == {}


def test_a_class_with_another_kind_of_configuration_is_refused():
    class Foreign:
        class Config(BaseModel):
            size: int = 1

    with pytest.raises(PluginError, match=r"Foreign.Config must derive from radbench.Config"):
        config_of(Foreign)


@pytest.mark.parametrize(
    ("name", "factory", "words"),
    [
        ("CLAHE", "a:b", "lower-case"),
        ("", "a:b", "lower-case"),
        ("clahe", "a.b", "package.module:attribute"),
        ("clahe", "a:", "package.module:attribute"),
    ],
)
def test_a_malformed_spec_is_refused_when_it_is_made(name, factory, words):
    with pytest.raises(ValueError, match=words):
        EnhancerSpec(name=name, factory=factory, summary="")


class Staged(Config):
    rounds: int = param(2, source="assumed")
    strength: float = param(1.0, source="assumed", affects="use")
    epochs: int = param(3, source="assumed", affects="weights")
    earlier: PartName = part("enhancer", lambda c: c.with_(rounds=c.rounds - 1) if c.rounds > 1 else None)
    trained_on: PartName = learns_from("phantom-cxr", needs=lambda c: ("lung_mask",) * c.rounds, through="earlier")
    weights: str = local("", "a file")


def test_a_part_may_follow_from_the_configuration_and_leaves_out_what_only_changes_the_use():
    earlier = Staged(strength=0.5, epochs=9).earlier
    assert isinstance(earlier, Derived)
    found = earlier.function(Staged(strength=0.5, epochs=9))
    assert (found.rounds, found.strength, found.epochs) == (1, 1.0, 9)
    assert found.earlier.function(found) is None


def test_what_a_field_says_of_its_part_can_be_asked():
    about = part_of(Staged.model_fields["trained_on"])
    assert (about.kind, about.learns, about.through) == ("dataset", True, "earlier")
    assert about.needed(Staged()) == ("lung_mask", "lung_mask")
    assert part_of(Staged.model_fields["rounds"]) is None
    assert [affects(Staged, n) for n in ("rounds", "epochs", "strength")] == ["lesson", "weights", "use"]
    assert local_fields(Staged) == ["weights"]


def test_lists_of_parts_are_read_as_they_are_typed():
    class Chain(Config):
        of: PartNames = parts("enhancer")

    assert Chain(of="[wls[a=1,b=2], clahe]").of == ("wls[a=1,b=2]", "clahe")
    assert Chain(of=["wls", "clahe"]).of == ("wls", "clahe")
    for wrong in ("[]", [3], 3):
        with pytest.raises(ValidationError, match="must be"):
            Chain(of=wrong)


def test_a_function_s_part_is_a_field_and_no_value():
    def null(images, of=part("enhancer"), amount=1.0):  # noqa: B008
        return images

    model = config_of(null)
    assert list(model.model_fields) == ["of", "amount"]
    assert part_of(model.model_fields["of"]).kind == "enhancer"
    assert model(of="clahe").of == "clahe"
    assert model(of="none").of is None


@pytest.mark.parametrize("affected", ["", "score"])
def test_what_a_field_affects_is_one_of_three_words(affected):
    with pytest.raises(ValueError, match="must be one of lesson, weights, use"):
        param(1, source="assumed", affects=affected)


def test_a_layer_or_target_that_nobody_knows_is_refused_when_the_spec_is_made():
    with pytest.raises(ValueError, match="names unknown layer 'aura'"):
        EnhancerSpec(name="a", factory="a:b", summary="", layers=("aura",))
    with pytest.raises(ValueError, match="names unknown target 'lungs'"):
        TaskSpec(name="a", factory="a:b", summary="", needs_targets=("lungs",))
    with pytest.raises(ValueError, match="modality 'mri'"):
        EnhancerSpec(name="a", factory="a:b", summary="", modality="mri")
