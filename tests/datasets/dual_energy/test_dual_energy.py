"""The data set dual-energy: pairs by name, what lacks or does not fit, and a run that scores them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import radbench
from radbench.contracts import CaseError, DatasetError, DatasetSpec, check_manifest, validate_case
from radbench.imaging import read_image, write_image
from radbench_dual_energy.dataset import DualEnergy, spec_of_dual_energy
from radbench_dual_energy.plugin import radbench_datasets
from radbench_folder.dataset import FolderDataset


def noise(seed, shape=(1, 24, 20)):
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


@pytest.fixture
def pairs(tmp_path):
    for k, name in enumerate(("a", "b/c")):
        write_image(tmp_path / "images" / f"{name}.png", noise(k))
        write_image(tmp_path / "soft" / f"{name}.png", noise(10 + k))
    return tmp_path


def opened(root, **fields):
    of = FolderDataset(FolderDataset.Config(root=root / "images"))
    return DualEnergy(DualEnergy.Config(of="folder", soft_tissue=root / "soft", **fields), SimpleNamespace(of=of))


def test_a_case_has_the_image_of_its_name(pairs):
    data = opened(pairs)
    case = validate_case(data.load("b/c"))
    assert torch.equal(case.targets["soft_tissue_image"], read_image(pairs / "soft" / "b" / "c.png").image)
    assert torch.equal(case.image, read_image(pairs / "images" / "b" / "c.png").image)
    assert data.targets == {"soft_tissue_image"}
    check_manifest("dual-energy", data.manifest())


def test_names_may_tell_the_two_apart(pairs):
    for place in ("images", "soft"):
        (pairs / place / "a.png").rename(pairs / place / f"a_{'std' if place == 'images' else 'soft'}.png")
    case = opened(pairs, renamed=("_std", "_soft")).load("a_std")
    assert torch.equal(case.targets["soft_tissue_image"], read_image(pairs / "soft" / "a_soft.png").image)


def test_two_cases_never_share_a_picture(pairs):
    for place, names in (("images", ("x_a", "x_b")), ("soft", ("x_b",))):
        for name in names:
            (pairs / place / f"{name}.png").write_bytes((pairs / place / "a.png").read_bytes())
    with pytest.raises(DatasetError, match=r"cases 'x_a' and 'x_b' would both have the soft-tissue image 'x_b'"):
        opened(pairs, renamed=("_a", "_b")).manifest()


def test_a_reversed_image_is_turned(pairs):
    plain = opened(pairs).load("a").targets["soft_tissue_image"]
    turned = opened(pairs, polarity="reversed").load("a").targets["soft_tissue_image"]
    torch.testing.assert_close(turned, 1 - plain)


def test_a_digest_covers_both_files_and_the_options(pairs):
    def digests(**fields):
        return {e.case_id: e.digest for e in opened(pairs, **fields).manifest()}

    before = digests()
    assert digests(polarity="reversed")["a"] != before["a"]
    write_image(pairs / "soft" / "a.png", noise(99))
    after = digests()
    assert (after["a"] != before["a"], after["b/c"] == before["b/c"]) == (True, True)
    write_image(pairs / "images" / "b" / "c.png", noise(98))
    assert digests()["b/c"] != after["b/c"]


def test_what_lacks_or_does_not_fit_is_told_with_its_case(pairs):
    write_image(pairs / "soft" / "a.png", noise(0, (1, 12, 20)))
    (pairs / "soft" / "b" / "c.png").unlink()
    data = opened(pairs)
    with pytest.raises(CaseError, match=r"case 'a': soft-tissue image 'a.png' is 12 x 20 .* its radiograph 24 x 20"):
        data.load("a")
    with pytest.raises(CaseError, match="case 'b/c' has no soft-tissue image"):
        data.load("b/c")
    (pairs / "soft" / "a.png").rename(pairs / "soft" / "z.png")
    with pytest.raises(DatasetError, match=r"none of the 1 images .* for example 'a'"):
        opened(pairs).manifest()


def test_the_rest_of_the_spec_is_the_other_data_set_s(pairs):
    of = DatasetSpec("toy", "a:b", "toy", modality="cxr", targets=("bone_mask",), licence="CC0", citation="Toy 2020")
    spec = spec_of_dual_energy(radbench_datasets()[0], opened(pairs).config, {"of": of})
    assert (spec.modality, spec.targets, spec.licence) == ("cxr", ("bone_mask", "soft_tissue_image"), "CC0")


def test_pairs_are_scored(pairs):
    frame = radbench.run(
        "original",
        "bone-suppression",
        f"dual-energy[of=folder[root={pairs / 'images'}],soft_tissue={pairs / 'soft'}]",
        debug=True,
    )
    assert set(frame["status"]) == {"ok"}
    rows = frame.set_index(["metric", "facet"])["value"]
    assert rows["bone_suppression_ratio", ""] == pytest.approx(0.0, abs=1e-9)
    assert str(pairs) not in frame.to_csv()
