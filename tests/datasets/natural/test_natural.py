"""The data set natural: scikit-image's photographs, folders of photographs, and what is cut from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from radbench.contracts import CaseError, DatasetError, ImageReadError, check_manifest, fingerprint, validate_case
from radbench.contracts.config import local_fields
from radbench.imaging import read_image
from radbench_natural import photographs
from radbench_natural.dataset import Natural, spec_of_natural
from radbench_natural.photographs import PHOTOGRAPHS, shipped_folder
from radbench_natural.plugin import radbench_datasets
from radbench_natural.splits import counts, shared_out
from radbench_natural.tiles import tiles_of

RNG = np.random.default_rng(0)


def natural(**fields):
    return Natural(Natural.Config(**fields))


def save(path, rows=40, columns=56, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (rows, columns), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **more)
    return pixels


def folder(root, **fields):
    return natural(**{"root": root, "least": 16, "tile": 64, **fields})


def splits(data):
    return {e.case_id: e.split for e in data.manifest()}


def test_by_default_photographs_of_a_known_licence_and_made_images_are_in_all_splits():
    data = natural()
    entries = data.manifest()
    check_manifest("natural", entries)
    for split in ("train", "validation", "test"):
        kinds = {e.groups["kind"] for e in entries if e.split == split}
        assert kinds == {
            "photograph", "leaves", "noise", "polygons", "ellipses", "strokes", "gratings", "gradients"
        }  # fmt: skip
    assert sum(e.case_id.startswith("made-") for e in entries) == 280
    assert {e.patient_id for e in entries if e.groups["kind"] == "photograph"} == set(PHOTOGRAPHS)


@pytest.mark.parametrize("name", ["camera", "chelsea", "coins"])
def test_photographs_that_denoisers_are_shown_on_are_in_test_and_whole(name):
    entries = [e for e in natural().manifest() if e.patient_id == name]
    assert [(e.case_id, e.split) for e in entries] == [(name, "test")]
    assert natural().load(name).image.shape[1:] == PHOTOGRAPHS[name].size


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_photographs_are_those_whose_licence_is_known(name):
    data = natural(train=(name,), validation=(), test=(), made=0, tile=1024)
    case = validate_case(data.load(name))
    known = PHOTOGRAPHS[name]
    assert torch.equal(case.image, read_image(shipped_folder() / known.file).image)
    assert case.image.shape[1:] == known.size
    assert (case.provenance["licence"], case.provenance["source"]) == (known.licence, known.source)


def test_colour_becomes_luma():
    pixels = np.asarray(Image.open(shipped_folder() / "chelsea.png")).astype(np.float64)
    expected = pixels @ (0.299, 0.587, 0.114) / 255
    np.testing.assert_allclose(natural().load("chelsea").image[0].numpy(), expected, atol=1e-6)


def test_the_tiles_of_a_photograph_give_it_back():
    data = natural(made=0)
    entries = [e for e in data.manifest() if e.patient_id == "coffee"]
    assert [e.case_id for e in entries] == [f"coffee-t{i}" for i in range(1, 7)]
    assert {e.split for e in entries} == {"train"}
    parts = [data.load(e.case_id).image for e in entries]
    rows = [torch.cat(parts[i : i + 3], dim=2) for i in (0, 3)]
    assert torch.equal(torch.cat(rows, dim=1), read_image(shipped_folder() / "coffee.png").image)


@pytest.mark.parametrize(("rows", "columns", "most"), [(257, 1000, 256), (512, 512, 256), (30, 2040, 64), (5, 5, 64)])
def test_tiles_cover_every_pixel_once_and_are_neither_long_nor_short(rows, columns, most):
    covered = np.zeros((rows, columns), int)
    for tile in tiles_of(rows, columns, most):
        covered[tile.top : tile.bottom, tile.left : tile.right] += 1
        for side, length in ((tile.bottom - tile.top, rows), (tile.right - tile.left, columns)):
            assert min(length, most // 2) <= side <= most
    assert (covered == 1).all()


def test_a_patient_of_another_seed_is_another_but_a_photograph_is_the_same():
    first, second = natural(seed=0), natural(seed=1)
    assert first.collection == second.collection
    shared = {e.patient_id for e in first.manifest()} & {e.patient_id for e in second.manifest()}
    assert shared == set(PHOTOGRAPHS)


def test_another_photograph_of_that_name_is_refused(monkeypatch, tmp_path):
    save(tmp_path / "camera.png", 512, 512)
    monkeypatch.setattr("radbench_natural.dataset.shipped_folder", lambda: tmp_path)
    monkeypatch.setattr(photographs, "shipped_folder", lambda: tmp_path)
    data = natural(made=0)
    with pytest.raises(CaseError, match=r"photograph 'camera'.*another file than the one whose licence is known"):
        data.load("camera")
    with pytest.raises(CaseError, match=r"photograph 'coins' is not there.*0\.23 to 0\.26"):
        data.load("coins")


def test_which_photograph_is_in_which_split_can_be_said():
    data = natural(train=("coins", "camera"), validation=(), test=("astronaut",), made=0)
    assert {e.patient_id: e.split for e in data.manifest()} == {
        "coins": "train", "camera": "train", "astronaut": "test"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"train": ("lena",)}, "there is no photograph 'lena'; there is astronaut"),
        ({"train": ("camera",)}, "photograph 'camera' is named twice"),
        ({"split": (0.5, 0.2, 0.2)}, "three shares that sum to 1"),
        ({"split": (1.2, -0.1, -0.1)}, "three shares that sum to 1"),
        ({"tile": 200}, "tile=200 must be at least twice least=128"),
        ({"made_size": 64}, "made_size=64 must be at least least=128"),
        ({"train": (), "validation": (), "test": (), "made": 0}, "leaves no case"),
        ({"root": "photos", "train": ("camera",), "test": ()}, "root takes the place of"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(fields, what):
    with pytest.raises(ValidationError, match=what):
        Natural.Config(**fields)


def test_root_enters_no_label():
    assert local_fields(Natural.Config) == ["root"]


def test_a_folders_photographs_take_the_place_of_all(tmp_path):
    pixels = save(tmp_path / "a" / "one.png")
    save(tmp_path / "two.jpg")
    Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "three.tif")
    data = folder(tmp_path)
    assert {e.case_id for e in data.manifest()} == {"a/one", "two", "three"}
    case = validate_case(data.load("a/one"))
    assert torch.equal(case.image[0], torch.from_numpy(pixels).float() / 255)
    assert (case.spacing_mm, dict(case.targets)) == (None, {})
    assert not hasattr(data, "collection")
    assert sum(e.groups["kind"] != "photograph" for e in folder(tmp_path, made=14).manifest()) == 14


def test_div2ks_folders_are_its_splits_and_its_small_copies_do_not_count(tmp_path):
    for name in ("DIV2K_train_HR/0001", "DIV2K_train_HR/0002", "DIV2K_valid_HR/0801"):
        save(tmp_path / f"{name}.png")
    save(tmp_path / "DIV2K_train_LR_bicubic/X2/0001x2.png", 20, 28)
    assert splits(folder(tmp_path)) == {
        "DIV2K_train_HR/0001": "train", "DIV2K_train_HR/0002": "train", "DIV2K_valid_HR/0801": "validation"
    }  # fmt: skip


def test_of_div2ks_training_folder_alone_shares_are_dealt(tmp_path):
    for i in range(10):
        save(tmp_path / "DIV2K_train_HR" / f"{i:04d}.png")
        # Smaller copies of what is learnt from must not be tested on.
        save(tmp_path / "DIV2K_train_LR_bicubic" / "X2" / f"{i:04d}x2.png", 20, 28)
    assert sorted(splits(folder(tmp_path)).values()) == ["test"] + 8 * ["train"] + ["validation"]


def test_the_same_photograph_twice_is_one_patient(tmp_path):
    for i in range(8):
        save(tmp_path / f"{i}.png")
        (tmp_path / "copies").mkdir(exist_ok=True)
        (tmp_path / "copies" / f"copy-{i}.png").write_bytes((tmp_path / f"{i}.png").read_bytes())
    entries = folder(tmp_path, split=(0.5, 0.25, 0.25)).manifest()
    check_manifest("natural", entries)
    assert len(entries) == 16
    assert len({e.patient_id for e in entries}) == 8


def test_a_photograph_that_div2k_validates_on_is_not_learnt_from(tmp_path):
    save(tmp_path / "DIV2K_train_HR" / "0001.png")
    save(tmp_path / "DIV2K_train_HR" / "0002.png")
    (tmp_path / "DIV2K_valid_HR").mkdir()
    (tmp_path / "DIV2K_valid_HR" / "0801.png").write_bytes((tmp_path / "DIV2K_train_HR" / "0002.png").read_bytes())
    assert splits(folder(tmp_path)) == {
        "DIV2K_train_HR/0001": "train", "DIV2K_train_HR/0002": "validation", "DIV2K_valid_HR/0801": "validation"
    }  # fmt: skip


def test_large_photographs_are_cut_in_train_and_validation_and_whole_in_test(tmp_path):
    for i in range(10):
        save(tmp_path / f"{i}.png", 100, 150)
    data = folder(tmp_path)
    check_manifest("natural", data.manifest())
    for e in data.manifest():
        shape = tuple(data.load(e.case_id).image.shape[1:])
        assert shape == (100, 150) if e.split == "test" else shape == (50, 50)


def test_what_cannot_be_read_is_a_named_failed_case_and_stops_nothing(tmp_path):
    save(tmp_path / "sound.png")
    save(tmp_path / "short.png", 10, 80)
    (tmp_path / "cut.png").write_bytes((tmp_path / "sound.png").read_bytes()[:500])
    (tmp_path / "text.jpg").write_text("no photograph")
    (tmp_path / "empty.tif").touch()
    (tmp_path / "scan.dcm").write_bytes(b"\0" * 200)
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    data = folder(tmp_path)
    assert len(data.manifest()) == 7
    data.load("sound")
    for case_id, what in {
        "short": "10 x 80 pixels .*least=16",
        "cut": "cut short or damaged",
        "text": "not an image that can be read",
        "empty": "empty",
        "link": "link to what does not exist",
    }.items():
        with pytest.raises((CaseError, ImageReadError), match=f"case '{case_id}': .*{what}"):
            data.load(case_id)
    with pytest.raises(CaseError, match=r"case 'scan': 'scan\.dcm' is no photograph.*folder\[root=PATH\]"):
        data.load("scan")


def test_a_lying_photograph_is_cut_as_it_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "lying.jpg", 100, 150, exif=exif)
    data = folder(tmp_path, split=(1, 0, 0))
    assert len(data.manifest()) == 6
    assert {tuple(data.load(e.case_id).image.shape[1:]) for e in data.manifest()} == {(50, 50)}
    whole = read_image(tmp_path / "lying.jpg").image
    assert torch.equal(data.load("lying-t6").image, whole[:, 100:, 50:])


def test_a_file_that_changed_during_the_run_is_refused(tmp_path):
    save(tmp_path / "a.png")
    data = folder(tmp_path)
    data.manifest()
    save(tmp_path / "a.png")
    with pytest.raises(ImageReadError, match=r"'a\.png' was changed during the run"):
        data.load("a")


def test_a_file_named_like_a_tile_is_said(tmp_path):
    save(tmp_path / "a.png", 40, 100)
    save(tmp_path / "a-t1.png")
    with pytest.raises(DatasetError, match="case id 'a-t1' is that of a file and of a tile"):
        folder(tmp_path, split=(1, 0, 0)).manifest()


def test_an_empty_or_missing_folder_is_said(tmp_path):
    with pytest.raises(DatasetError, match="holds no photographs"):
        folder(tmp_path).manifest()
    with pytest.raises(DatasetError, match="does not exist"):
        folder(tmp_path / "none").manifest()


def test_an_unknown_case_is_said():
    with pytest.raises(CaseError, match=r"natural has no case 'camra'.*camera"):
        natural().load("camra")


def test_the_digest_follows_the_pixels(tmp_path):
    save(tmp_path / "a.png", 60, 100)
    kept = fingerprint(folder(tmp_path, split=(1, 0, 0)).manifest())
    assert kept == fingerprint(folder(tmp_path, split=(1, 0, 0), seed=3).manifest())
    assert kept != fingerprint(folder(tmp_path, split=(1, 0, 0), tile=100).manifest())
    save(tmp_path / "a.png", 60, 100)
    assert kept != fingerprint(folder(tmp_path, split=(1, 0, 0)).manifest())


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [
        (100, (0.8, 0.1, 0.1), [80, 10, 10]),
        (3, (0.8, 0.1, 0.1), [1, 1, 1]),
        (2, (0.8, 0.1, 0.1), [1, 1, 0]),
        (1, (0.8, 0.1, 0.1), [1, 0, 0]),
        (7, (1.0, 0.0, 0.0), [7, 0, 0]),
        (7, (0.5, 0.0, 0.5), [4, 0, 3]),
        (0, (0.8, 0.1, 0.1), [0, 0, 0]),
    ],
)
def test_shares_are_met_and_no_split_with_one_is_empty_where_that_can_be(total, shares, expected):
    assert counts(total, shares) == expected


def test_the_seed_deals_and_the_order_does_not():
    names = [f"{i:03d}" for i in range(200)]
    dealt = shared_out(names, (0.7, 0.2, 0.1), 0)
    assert dealt == shared_out(reversed(names), (0.7, 0.2, 0.1), 0)
    other = shared_out(names, (0.7, 0.2, 0.1), 1)
    assert dealt != other
    assert sorted(dealt.values()) == sorted(other.values()) == 20 * ["test"] + 140 * ["train"] + 40 * ["validation"]


def test_the_spec_is_the_classes_and_of_a_folder_no_licence_is_claimed():
    (spec,) = radbench_datasets()
    assert (spec.name, spec.modality, spec.targets) == ("natural", Natural.modality, ())
    assert spec.factory == f"{Natural.__module__}:{Natural.__name__}"
    assert "CC0" in spec_of_natural(spec, Natural.Config(), {}).licence
    assert spec_of_natural(spec, Natural.Config(root="photos"), {}).licence == "as of the photographs in root"


def test_the_ledger_names_every_photograph_with_its_licence():
    fields = Natural.Config.model_fields
    for split in ("train", "validation", "test"):
        for name in fields[split].default:
            known = PHOTOGRAPHS[name]
            assert f"{name} ({known.licence}: {known.source})" in fields[split].description
