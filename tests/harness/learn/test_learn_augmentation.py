"""Augmentation: one geometry for all, another look for the source, and draws that belong to the sample."""

from dataclasses import replace

import pytest
import torch

from radbench.contracts import ConfigurationError
from radbench.learn import AppearanceOptions, Augmentation, Batch, GeometryOptions, change_appearance, draw_grid, warp

EVERY_MOVE = GeometryOptions(
    flip=0.5, rotation_deg=20, scale=0.3, scale_per_axis=True, shift=(0.1, 0.2), shear_deg=8, crop=0.2, elastic=0.03
)
EVERY_LOOK = AppearanceOptions(
    probability=0.7,
    blur=1.5,
    sharpen=0.5,
    gamma=0.5,
    contrast=0.3,
    exposure=0.2,
    polarity=0.3,
    noise=(0.0, 0.1),
    occlusion=0.5,
    collimation=0.5,
    quantise=0.5,
)


def batch_of(n=6, size=(32, 32), seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(n, 1, *size, generator=generator)
    return Batch(image, {"image": image.clone()}, {"area": image > 0.5}, tuple(range(n)))


def coordinates(size):
    """Each pixel's own place, (x, y) from -1 to 1 at the outer edges: float32 [1,2,H,W]."""
    y, x = ((torch.arange(n) * 2 + 1) / n - 1 for n in size)
    return torch.stack([x[None, :].expand(*size), y[:, None].expand(*size)])[None]


def same(a, b):
    return (
        torch.equal(a.source, b.source)
        and all(torch.equal(a.targets[k], b.targets[k]) for k in a.targets)
        and all(torch.equal(a.masks[k], b.masks[k]) for k in a.masks)
    )


def test_no_strength_is_the_identity_to_the_bit():
    batch = batch_of()
    assert same(Augmentation()(batch, 0, 0), batch)


def test_image_and_target_move_alike():
    moved = Augmentation(EVERY_MOVE)(batch_of(), 1, 2)
    assert torch.equal(moved.source, moved.targets["image"])


def test_a_mask_moves_as_an_image_of_it_by_the_nearest_pixel():
    batch, grid = batch_of(), draw_grid(EVERY_MOVE, 1, 2, range(6), (32, 32))
    mask = batch.masks["area"]
    assert torch.equal(warp(mask, grid).float(), warp(mask.float(), grid, nearest=True))


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_a_warped_image_of_coordinates_says_where_each_pixel_came_from(size):
    options = replace(EVERY_MOVE, elastic=0.0)
    grid = draw_grid(options, 3, 0, [7], size)
    found = warp(coordinates(size), grid)[0].permute(1, 2, 0)
    # Beyond the middles of the outermost pixels there is nothing to interpolate.
    limit = 1 - 1 / torch.tensor([size[1], size[0]])
    within = (grid[0].abs() <= limit).all(dim=-1)
    assert within.float().mean() > 0.3
    torch.testing.assert_close(found[within], grid[0][within], atol=1e-5, rtol=0)


def test_image_and_mask_agree_on_where_an_edge_went():
    size, grid = (64, 64), draw_grid(EVERY_MOVE, 5, 1, [0], (64, 64))
    x = warp(coordinates(size)[:, :1], grid)
    mask = warp(coordinates(size)[:, :1] > 0.1, grid)
    half_a_pixel = 1.01 / 64
    assert mask[x > 0.1 + half_a_pixel].all()
    assert not mask[x < 0.1 - half_a_pixel].any()


def test_a_certain_flip_is_the_mirror_image():
    image = torch.rand(1, 1, 8, 10)
    grid = draw_grid(GeometryOptions(flip=1.0), 0, 0, [0], (8, 10))
    torch.testing.assert_close(warp(image, grid), image.flip(-1), atol=1e-6, rtol=0)


def test_a_rotation_is_one_also_where_the_image_is_not_square():
    grid = draw_grid(GeometryOptions(rotation_deg=30), 2, 0, [4], (32, 64))[0]
    pixels = grid * torch.tensor([32.0, 16.0])
    across, down = pixels[16, 33] - pixels[16, 32], pixels[17, 32] - pixels[16, 32]
    assert across.norm().item() == pytest.approx(1, abs=1e-4)
    assert down.norm().item() == pytest.approx(1, abs=1e-4)
    assert torch.dot(across, down).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        (GeometryOptions(shift=(0.1, 0.2)), lambda g, c: (g - c).abs().amax((1, 2)) <= torch.tensor([0.4, 0.2]) + 1e-6),
        (GeometryOptions(scale=0.3), lambda g, c: (g / c).amax((1, 2)) <= 1 / 0.7 + 1e-5),
        (GeometryOptions(crop=0.2), lambda g, c: g.abs().amax((1, 2)) < 1),
    ],
)
def test_a_move_stays_within_its_bounds(options, bound):
    grid = draw_grid(options, 0, 0, range(64), (8, 8))
    assert bound(grid, coordinates((8, 8)).permute(0, 2, 3, 1)).all()


@pytest.mark.parametrize("size", [(32, 32), (17, 23)])
def test_neither_batch_nor_order_changes_a_bit(size):
    augment, batch = Augmentation(EVERY_MOVE, EVERY_LOOK), batch_of(6, size)
    whole = augment(batch, 3, 5)
    for start, stop in ((0, 1), (1, 4), (4, 6)):
        assert same(augment(batch.part(start, stop), 3, 5), whole.part(start, stop))
    backwards = Batch(
        batch.source.flip(0),
        {"image": batch.targets["image"].flip(0)},
        {"area": batch.masks["area"].flip(0)},
        (5, 4, 3, 2, 1, 0),
    )
    assert torch.equal(augment(backwards, 3, 5).source.flip(0), whole.source)


def test_seed_epoch_and_place_each_change_the_draw():
    augment, batch = Augmentation(EVERY_MOVE, EVERY_LOOK), batch_of(1)
    drawn = [augment(b, s, e).source for b, s, e in [(batch, 0, 0), (batch, 1, 0), (batch, 0, 1)]]
    drawn.append(augment(replace(batch, indices=(9,)), 0, 0).source)
    assert all(not torch.equal(drawn[i], drawn[j]) for i in range(4) for j in range(i))


def test_appearance_leaves_the_truth_alone():
    batch = batch_of()
    changed = Augmentation(appearance=EVERY_LOOK)(batch, 0, 0)
    assert not torch.equal(changed.source, batch.source)
    assert torch.equal(changed.targets["image"], batch.targets["image"])
    assert torch.equal(changed.masks["area"], batch.masks["area"])


def test_appearance_stays_in_the_unit_range():
    out = change_appearance(batch_of(64).source, EVERY_LOOK, 0, 0, range(64))
    assert 0 <= float(out.min()) <= float(out.max()) <= 1


def test_a_certain_polarity_is_the_negative():
    image = torch.rand(2, 1, 8, 8)
    assert torch.equal(change_appearance(image, AppearanceOptions(polarity=1.0), 0, 0, [0, 1]), 1 - image)


def test_noise_of_one_strength_has_that_deviation():
    options = AppearanceOptions(noise=(0.2, 0.2), clamp=False)
    out = change_appearance(torch.zeros(4, 1, 64, 64), options, 0, 0, range(4))
    assert out.flatten(1).std(dim=1).tolist() == pytest.approx([0.2] * 4, rel=0.05)
    assert out.mean().item() == pytest.approx(0, abs=0.01)


def test_blur_keeps_the_mean_and_takes_contrast_away():
    image = torch.zeros(1, 1, 33, 33)
    image[..., 16, 16] = 1
    out = change_appearance(image, AppearanceOptions(blur=2.0), 0, 0, [0])
    assert out.sum().item() == pytest.approx(1, abs=1e-5)
    assert out.max() < 1


def test_gamma_keeps_black_and_white():
    image = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    out = change_appearance(image, AppearanceOptions(gamma=1.0), 0, 0, [0]).flatten().tolist()
    assert out[::2] == [0, 1]
    assert 0.25 <= out[1] <= 0.5**0.5
    assert out[1] != 0.5


def test_a_frame_lies_outside_and_is_black_or_white():
    image = torch.full((16, 1, 40, 40), 0.5)
    out = change_appearance(image, AppearanceOptions(collimation=1.0, collimation_width=0.2), 0, 0, range(16))
    assert torch.equal(out[..., 8:32, 8:32], image[..., 8:32, 8:32])
    assert set(out.unique().tolist()) == {0.0, 0.5, 1.0}


def test_quantising_gives_256_levels():
    out = change_appearance(torch.rand(1, 1, 64, 64), AppearanceOptions(quantise=1.0), 0, 0, [0])
    torch.testing.assert_close(out * 255, (out * 255).round(), atol=1e-4, rtol=0)


def test_an_occlusion_is_one_rectangle_within_its_size():
    image = torch.full((8, 1, 40, 40), 2.0)
    options = AppearanceOptions(occlusion=1.0, occlusion_size=0.5, clamp=False)
    hidden = change_appearance(image, options, 0, 0, range(8)) != 2
    rows, columns = hidden.any(3).sum(2).flatten(), hidden.any(2).sum(2).flatten()
    assert torch.equal(hidden.flatten(1).sum(1), rows * columns)
    assert max(int(rows.max()), int(columns.max())) <= 20


@pytest.mark.parametrize("make", [lambda: GeometryOptions(flip=2), lambda: AppearanceOptions(noise=(0.2, 0.1))])
def test_wrong_bounds_are_refused(make):
    with pytest.raises(ConfigurationError):
        make()
