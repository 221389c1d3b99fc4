"""Augmentation: one geometry for all, another look for the source, and draws that belong to the sample."""

from dataclasses import replace

import pytest
import torch

from radbench.contracts import ConfigurationError, DatasetError
from radbench.learn import (
    AppearanceOptions,
    Augmentation,
    Batch,
    Draws,
    GeometryOptions,
    change_appearance,
    draw_grid,
    warp,
)

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
    return Batch({"image": image, "target": image.clone(), "area": image > 0.5}, tuple(range(n)))


def augmented(augment, batch, seed, epoch):
    return augment(batch, Draws(seed, epoch, batch.places))


def coordinates(size):
    """Each pixel's own place, (x, y) from -1 to 1 at the outer edges: float32 [1,2,H,W]."""
    y, x = ((torch.arange(n) * 2 + 1) / n - 1 for n in size)
    return torch.stack([x[None, :].expand(*size), y[:, None].expand(*size)])[None]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a.tensors)


def test_no_strength_is_the_identity_to_the_bit():
    batch = batch_of()
    assert same(augmented(Augmentation(), batch, 0, 0), batch)


def test_image_and_target_move_alike():
    moved = augmented(Augmentation(EVERY_MOVE), batch_of(), 1, 2)
    assert torch.equal(moved["image"], moved["target"])
    assert not torch.equal(moved["image"], batch_of()["image"])


def test_what_is_no_picture_or_never_moves_is_left_as_it_is():
    batch = batch_of().with_(
        label=torch.arange(6),
        small=torch.rand(6, 1, 16, 16),
        volume=torch.rand(6, 9, 32, 32),
        points=torch.rand(6, 2, 2),
    )
    moved = augmented(Augmentation(EVERY_MOVE, EVERY_LOOK, still=("volume",)), batch, 1, 2)
    assert all(moved[name] is batch[name] for name in ("label", "small", "volume", "points"))


def test_whole_numbers_move_by_the_nearest_pixel_and_stay_what_they_are():
    classes = torch.randint(0, 9, (6, 1, 32, 32), dtype=torch.int16, generator=torch.Generator().manual_seed(0))
    moved = augmented(Augmentation(EVERY_MOVE), batch_of().with_(classes=classes), 1, 2)["classes"]
    grid = draw_grid(EVERY_MOVE, 1, 2, range(6), (32, 32))
    assert moved.dtype == torch.int16
    assert torch.equal(moved.float(), warp(classes.float(), grid, nearest=True))


def test_a_source_of_whole_numbers_is_augmented_as_the_shares_they_mean():
    levels = torch.randint(0, 256, (6, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole, shares = batch_of().with_(image=levels), batch_of().with_(image=levels.float() / 255)
    augment = Augmentation(EVERY_MOVE, EVERY_LOOK)
    assert torch.equal(augmented(augment, whole, 0, 0)["image"], augmented(augment, shares, 0, 0)["image"])


def test_a_source_of_another_name_is_the_one_that_changes_its_look():
    batch = batch_of().with_(film=batch_of(seed=1)["image"])
    changed = augmented(Augmentation(appearance=EVERY_LOOK, input="film"), batch, 0, 0)
    assert [name for name in batch.tensors if not torch.equal(batch[name], changed[name])] == ["film"]


def test_a_missing_source_is_named():
    with pytest.raises(DatasetError, match="no 'film'; they have area, image, target"):
        augmented(Augmentation(input="film"), batch_of(), 0, 0)


@pytest.mark.parametrize("size", [(48, 48), (40, 64)])
def test_boxes_move_with_what_they_enclose(size):
    """The corners of a white rectangle are found again at the corners of its box, whatever moved it."""
    height, width = size
    boxes = torch.tensor([[[10.0, 12.0, 25.0, 30.0]]]).repeat(8, 1, 1)
    image = torch.zeros(8, 1, *size)
    image[..., 12:31, 10:26] = 1
    options = GeometryOptions(flip=0.5, scale=0.2, scale_per_axis=True, shift=(0.05, 0.1), crop=0.1)
    moved = augmented(Augmentation(options), Batch({"image": image, "boxes": boxes}, tuple(range(8))), 4, 0)
    for picture, box in zip(moved["image"][:, 0], moved["boxes"][:, 0], strict=True):
        rows, columns = (picture > 0.5).any(1).nonzero().flatten(), (picture > 0.5).any(0).nonzero().flatten()
        low_x, low_y, high_x, high_y = box.tolist()
        found = [columns[0].item(), rows[0].item(), columns[-1].item(), rows[-1].item()]
        # Where a box reaches beyond the picture, so much of it cannot be seen.
        wanted = [max(low_x, 0), max(low_y, 0), min(high_x, width - 1), min(high_y, height - 1)]
        assert found == pytest.approx(wanted, abs=1.3)


def test_a_rotated_box_encloses_its_moved_corners():
    options = GeometryOptions(rotation_deg=30)
    batch = batch_of(1).with_(boxes=torch.tensor([[[8.0, 10.0, 20.0, 22.0], [0.0, 0.0, 31.0, 31.0]]]))
    moved = augmented(Augmentation(options), batch, 2, 0)["boxes"][0]
    grid = draw_grid(options, 2, 0, [0], (32, 32))[0]
    for (x0, y0, x1, y1), box in zip(batch["boxes"][0].tolist(), moved, strict=True):
        # Each augmented pixel says where it came from: those from within the box lie in the moved one.
        came = ((grid + 1) * 32 - 1) / 2
        within = (came >= torch.tensor([x0, y0])).all(-1) & (came <= torch.tensor([x1, y1])).all(-1)
        y, x = within.nonzero().T.float()
        assert box[0] - 1e-3 <= x.min()
        assert box[1] - 1e-3 <= y.min()
        assert box[2] + 1e-3 >= x.max()
        assert box[3] + 1e-3 >= y.max()
    # The middle of a box stays the middle.
    assert torch.allclose(moved[1].view(2, 2).mean(0), torch.tensor([15.5, 15.5]), atol=1e-4)


def test_boxes_under_an_elastic_geometry_are_refused():
    with pytest.raises(ConfigurationError, match="boxes cannot be moved elastically"):
        augmented(Augmentation(EVERY_MOVE), batch_of().with_(boxes=torch.zeros(6, 1, 4)), 0, 0)


def test_a_mask_moves_as_an_image_of_it_by_the_nearest_pixel():
    batch, grid = batch_of(), draw_grid(EVERY_MOVE, 1, 2, range(6), (32, 32))
    mask = batch["area"]
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
    whole = augmented(augment, batch, 3, 5)
    for start, stop in ((0, 1), (1, 4), (4, 6)):
        assert same(augmented(augment, batch.part(start, stop), 3, 5), whole.part(start, stop))
    backwards = Batch({name: batch[name].flip(0) for name in batch.tensors}, (5, 4, 3, 2, 1, 0))
    assert torch.equal(augmented(augment, backwards, 3, 5)["image"].flip(0), whole["image"])


def test_seed_epoch_and_place_each_change_the_draw():
    augment, batch = Augmentation(EVERY_MOVE, EVERY_LOOK), batch_of(1)
    drawn = [augmented(augment, batch, s, e)["image"] for s, e in [(0, 0), (1, 0), (0, 1)]]
    drawn.append(augmented(augment, replace(batch, places=(9,)), 0, 0)["image"])
    assert all(not torch.equal(drawn[i], drawn[j]) for i in range(4) for j in range(i))


def test_draws_apart_do_not_repeat_each_other():
    draws = Draws(0, 0, (0, 1))
    assert torch.equal(draws.uniform("noise", 3), Draws(0, 0, (0, 1)).uniform("noise", 3))
    assert not torch.equal(draws.uniform("noise", 3), draws.apart(1).uniform("noise", 3))
    assert torch.equal(Draws(0, 0, (1,)).uniform("noise", 3), draws.uniform("noise", 3)[1:])


def test_a_chance_of_0_never_comes_and_one_of_1_always():
    draws = Draws(0, 0, tuple(range(200)))
    assert not draws.chance("flip", 0).any()
    assert draws.chance("flip", 1).all()
    assert draws.chance("flip", 0.25).float().mean().item() == pytest.approx(0.25, abs=0.1)


def test_appearance_leaves_the_truth_alone():
    batch = batch_of()
    changed = augmented(Augmentation(appearance=EVERY_LOOK), batch, 0, 0)
    assert not torch.equal(changed["image"], batch["image"])
    assert torch.equal(changed["target"], batch["target"])
    assert torch.equal(changed["area"], batch["area"])


def test_appearance_stays_in_the_unit_range():
    out = change_appearance(batch_of(64)["image"], EVERY_LOOK, 0, 0, range(64))
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
