"""Turns over named networks: a GAN is the loop one would write by hand, and each turn moves its own alone."""

import csv
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from radbench.contracts import ConfigurationError
from radbench.learn import L1, FitOptions, Turn, UNet, UNetConfig, fit
from radbench.learn.draws import epoch_order

from .small_lessons import batch_of, discs, equal, state_of

TINY = UNetConfig(depth=1, first_filters=4)
OPTIONS = FitOptions(epochs=3, batch_size=4, learning_rate=1e-3, checkpoint_seconds=0)


def critic():
    """Two convolutions with a batch norm between them, to one value per image."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 8), nn.Flatten()
    )


def both():
    return {"D": critic(), "G": UNet(TINY)}


def d_loss(networks, batch):
    real, made = networks["D"](batch["disc"]), networks["D"](networks["G"](batch["image"]).detach())
    return softplus(-real)[:, 0] + softplus(made)[:, 0]


def g_loss(networks, batch):
    made = networks["G"](batch["image"])
    return softplus(-networks["D"](made))[:, 0] + 10 * (made - batch["disc"]).abs().flatten(1).mean(1)


GAN = [Turn(d_loss, learns="D"), Turn(g_loss, learns="G")]


def test_two_turns_are_the_gan_one_would_write_by_hand_to_the_bit(context):
    lessons, networks, other = discs(7), both(), both()
    turns = [
        Turn(d_loss, learns="D", learning_rate=3e-4, betas=(0.5, 0.999)),
        Turn(g_loss, learns="G", weight_decay=0.01),
    ]
    options = replace(OPTIONS, optimiser="adamw")
    fit(networks, turns, lessons, options, replace(context, seed=5), keep="last")

    for network in other.values():
        network.to(memory_format=torch.channels_last).train()
    for_d = torch.optim.AdamW(other["D"].parameters(), lr=3e-4, betas=(0.5, 0.999), weight_decay=0.0)
    for_g = torch.optim.AdamW(other["G"].parameters(), lr=1e-3, weight_decay=0.01)
    for epoch in range(3):
        order = epoch_order(5, epoch, 7)
        for places in (order[:4], order[4:]):
            image, disc = (torch.stack([lessons[i][name] for i in places]) for name in ("image", "disc"))
            for_d.zero_grad()
            made = other["G"](image).detach()
            (softplus(-other["D"](disc)) + softplus(other["D"](made))).mean().backward()
            for_d.step()
            for_g.zero_grad()
            made = other["G"](image)
            fooled = softplus(-other["D"](made))[:, 0]
            (fooled + 10 * (made - disc).abs().flatten(1).mean(1)).mean().backward()
            for_g.step()
    assert equal(state_of(networks["D"]), state_of(other["D"]))
    assert equal(state_of(networks["G"]), state_of(other["G"]))


@pytest.mark.parametrize("learns", ["D", "G"])
def test_a_turn_moves_its_own_networks_alone(context, learns):
    networks = both()
    before = {name: [p.clone() for p in network.parameters()] for name, network in networks.items()}
    fit(networks, [Turn(g_loss, learns=learns)], discs(4), replace(OPTIONS, epochs=1), context, keep="last")
    for name, network in networks.items():
        moved = [not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True)]
        assert all(moved) if name == learns else not any(moved)


def test_others_gather_no_gradients_and_learn_again_afterwards(context):
    networks, seen = both(), []

    def loss(given, batch):
        seen.append({name: next(n.parameters()).requires_grad for name, n in given.items()})
        return g_loss(given, batch)

    networks["G"].head.weight.requires_grad_(False)
    fit(networks, [Turn(loss, learns="G")], discs(4), replace(OPTIONS, epochs=1), context)
    assert seen == [{"D": False, "G": True}]
    assert all(p.grad is None for p in networks["D"].parameters())
    assert all(p.requires_grad for p in networks["D"].parameters())
    assert not networks["G"].head.weight.requires_grad


@pytest.mark.parametrize("learns", ["", (), ("D", "G")])
def test_a_turn_that_names_no_network_moves_all(context, learns):
    networks = both()
    before = {name: state_of(network) for name, network in networks.items()}
    fit(networks, [Turn(g_loss, learns=learns)], discs(4), replace(OPTIONS, epochs=1), context)
    assert all(not equal(before[name], state_of(network)) for name, network in networks.items())


def test_every_turn_sees_the_same_batch(context):
    seen = []

    def looking(networks, batch):
        seen.append(batch)
        return g_loss(networks, batch)

    def noisy(batch, draws):
        return batch.with_(image=batch["image"] + torch.rand(batch["image"].shape))

    turns = [Turn(looking, learns="D"), Turn(looking, learns="G"), Turn(looking)]
    fit(both(), turns, discs(6), replace(OPTIONS, epochs=1, micro_batch=2), context, augment=noisy)
    # Two steps, of two and one parts.
    for parts in ((0, 2, 4), (1, 3, 5), (6, 7, 8)):
        first, *others = (seen[i] for i in parts)
        assert all(torch.equal(first["image"], other["image"]) for other in others)
        assert all(first.places == other.places for other in others)
    assert not torch.equal(seen[0]["image"], seen[1]["image"])


def test_a_single_network_is_given_to_the_loss_as_it_is_and_named_ones_by_name(context):
    seen, one, several = [], UNet(TINY), nn.ModuleDict(both())

    def loss(networks, batch):
        seen.append(networks)
        return L1("disc")(networks if isinstance(networks, UNet) else networks["G"], batch)

    options = replace(OPTIONS, epochs=1)
    fit(one, [Turn(loss)], discs(4), options, context)
    fit(several, [Turn(loss, learns="G")], discs(4), options, context, name="several")
    assert seen == [one, several]
    assert not any(network.training for network in several.values())


def test_groups_of_parameters_have_rates_and_decays_of_their_own(context):
    """One step of plain descent: each weight moves by rate x scale x (gradient + decay x weight)."""
    network, lessons = UNet(TINY), discs(4)
    before, batch = UNet(TINY), batch_of(lessons, epoch_order(0, 0, 4))
    L1("disc")(before, batch).mean().backward()

    def groups(given):
        assert given is network
        return [
            {"params": given.encoder.parameters(), "scale": 100.0},
            {"params": given.head.weight, "scale": 0.5, "weight_decay": 0.2},
            {"params": [given.head.bias]},
        ]

    options = replace(OPTIONS, epochs=1, optimiser="sgd", momentum=0.0, learning_rate=0.01, weight_decay=0.1)
    turn = Turn(L1("disc"), groups=groups, learning_rate=0.02)
    fit(network, [turn], lessons, options, context)
    rates = {"encoder": (2.0, 0.1), "head.weight": (0.01, 0.2), "head.bias": (0.02, 0.1)}
    for (name, was), now in zip(before.named_parameters(), network.parameters(), strict=True):
        rate, decay = next((v for k, v in rates.items() if name.startswith(k)), (0.0, 0.0))
        torch.testing.assert_close(now, was - rate * (was.grad + decay * was), atol=1e-6, rtol=1e-5)


def test_a_schedule_holds_for_every_turn_and_group(context):
    from radbench.learn.fitting import Training

    def groups(network):
        return [{"params": network.encoder.parameters(), "scale": 10.0}, {"params": network.head.parameters()}]

    options = replace(OPTIONS, schedule="step", step_epochs=1, step_factor=0.1, learning_rate=1.0)
    turns = [Turn(L1("disc")), Turn(L1("disc"), groups=groups, learning_rate=0.5)]
    training = Training(UNet(TINY), turns, discs(4), options, context)
    rates = []
    for step in range(2):
        training.step(range(4), step)
        rates += [[group["lr"] for group in player.optimiser.param_groups] for player in training.players]
    assert rates == [[1.0], [5.0, 0.5], [pytest.approx(0.1)], pytest.approx([0.5, 0.05])]


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (Turn(g_loss, learns="H"), "a turn learns 'H'; the networks are D, G"),
        (Turn(g_loss, learns="G", groups=lambda g: [{"params": critic().parameters()}]), "of none of the networks"),
        (Turn(g_loss, learns="G", groups=lambda g: [{"params": g.parameters(), "lr": 1.0}]), "give it a 'scale'"),
        (Turn(g_loss, learns="G", groups=lambda g: []), "a turn that learns G moves nothing"),
    ],
)
def test_a_turn_that_cannot_be_taken_is_refused(context, turn, message):
    with pytest.raises(ConfigurationError, match=message):
        fit(both(), [turn], discs(4), OPTIONS, context)


def test_no_turn_and_a_name_where_there_is_none_are_refused(context):
    with pytest.raises(ConfigurationError, match="no turn to learn in"):
        fit(UNet(TINY), [], discs(4), OPTIONS, context)
    with pytest.raises(ConfigurationError, match="a turn learns 'G'; the networks are one without a name"):
        fit(UNet(TINY), [Turn(L1("disc"), learns="G")], discs(4), OPTIONS, context)


def test_the_curve_has_a_column_for_each_of_several_turns(context):
    turns = [Turn(d_loss, learns="D"), Turn(g_loss, learns="G", name="fools, learns"), Turn(g_loss, learns=("D", "G"))]
    result = fit(both(), turns, discs(4), OPTIONS, context)
    with (context.beside / "network.curve.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert list(rows[0])[-3:] == ["loss_D", "loss_fools, learns", "loss_D+G"]
    for row, returned in zip(rows, result.curve, strict=True):
        assert all(row[name] == returned[name] for name in row if row[name] == row[name])
        assert row["train_loss"] == pytest.approx(sum(row[name] for name in list(row)[-3:]))


def test_turns_of_one_name_have_columns_of_their_own(context):
    result = fit(both(), [GAN[1], GAN[1], Turn(g_loss)], discs(4), replace(OPTIONS, epochs=1), context)
    assert [c for c in result.curve[0] if c.startswith("loss_")] == ["loss_G-1", "loss_G-2", "loss_3"]


def test_several_turns_are_judged_by_their_losses_together_or_by_the_score_alone(context, tmp_path):
    lessons = discs(5, seed=1)

    def penalised(networks, batch):
        """A gradient penalty, which cannot be had in a validation."""
        image = batch["disc"].clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(networks["D"](image).sum(), image, create_graph=True)
        return d_loss(networks, batch) + (gradient.flatten(1).norm(dim=1) - 1) ** 2

    def score(networks, batch):
        return L1("disc")(networks["G"], batch)

    turns = [Turn(penalised, learns="D"), GAN[1]]
    elsewhere = replace(context, workdir=tmp_path / "b")
    (*_, last) = fit(both(), turns, discs(4), OPTIONS, elsewhere, validation=lessons, score=score, keep="last").curve
    assert last["validation_loss"] != last["validation_loss"]

    networks = both()
    (*_, last) = fit(networks, GAN, discs(4), OPTIONS, context, validation=lessons, keep="last").curve
    with torch.no_grad():
        wanted = (d_loss(networks, batch_of(lessons)) + g_loss(networks, batch_of(lessons))).mean().item()
    assert last["validation_loss"] == last["validation_score"] == pytest.approx(wanted, rel=1e-5)


def test_memory_that_runs_out_in_a_later_turn_leaves_the_gradients_as_they_were(context, tmp_path):
    refused = []

    def large(networks, batch):
        if len(batch) > 2:
            refused.append(len(batch))
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return g_loss(networks, batch)

    def networks():
        return {"D": nn.Sequential(nn.Conv2d(1, 1, 16), nn.Flatten()), "G": UNet(TINY)}

    torch.manual_seed(0)
    whole, parts = networks(), networks()
    parts["D"].load_state_dict(whole["D"].state_dict())
    options = replace(OPTIONS, epochs=1, optimiser="sgd", learning_rate=0.1)
    fit(whole, GAN, discs(4), options, context, keep="last")
    turns = [GAN[0], Turn(large, learns="G")]
    result = fit(parts, turns, discs(4), options, replace(context, workdir=tmp_path / "b"), keep="last")
    assert (refused, result.micro_batch) == ([4], 2)
    # The first turn was over when memory ran out.
    assert equal(state_of(whole["D"]), state_of(parts["D"]))
    torch.testing.assert_close(state_of(whole["G"]), state_of(parts["G"]), atol=1e-6, rtol=1e-5)
