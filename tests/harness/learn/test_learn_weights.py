"""Weights on disk: they come back with their facts, and what does not fit is named."""

import pytest
import torch
from safetensors.torch import save_file

from radbench.learn import UNet, UNetConfig, WeightsError, WeightsFacts, load_weights, read_weights, save_weights

TINY = UNetConfig(depth=1, first_filters=2)


def facts_of(config):
    return WeightsFacts(config.as_dict(), data="abc", seed=3, extra={"best": 0.1})


def test_weights_come_back_to_the_bit_with_their_facts(tmp_path):
    network, other = UNet(TINY).to(memory_format=torch.channels_last), UNet(TINY, seed=1)
    save_weights(tmp_path / "new" / "w.safetensors", network.state_dict(), facts_of(TINY))
    facts = load_weights(tmp_path / "new" / "w.safetensors", other)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )
    assert (facts.data, facts.seed, facts.extra["best"]) == ("abc", 3, 0.1)
    assert UNetConfig(**facts.config) == TINY


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (UNetConfig(depth=1, first_filters=4), r"bottleneck.0.bias as \[4\], not \[8\]"),
        (UNetConfig(depth=2, first_filters=2), "lack decoder.1"),
        (UNetConfig(depth=0, first_filters=2), "hold unknown decoder.0"),
    ],
)
def test_weights_of_another_network_are_refused_by_name(tmp_path, config, message):
    save_weights(tmp_path / "w.safetensors", UNet(TINY).state_dict(), facts_of(TINY))
    network = UNet(config)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(WeightsError, match=message):
        load_weights(tmp_path / "w.safetensors", network)
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_a_missing_a_damaged_and_a_foreign_file_are_told_apart(tmp_path):
    (tmp_path / "damaged.safetensors").write_bytes(b"not safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    for name, message in (
        ("none", "no such file"),
        ("damaged", "cannot be read"),
        ("foreign", "not written by radbench"),
    ):
        with pytest.raises(WeightsError, match=message):
            read_weights(tmp_path / f"{name}.safetensors")
