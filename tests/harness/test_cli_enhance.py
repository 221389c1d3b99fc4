"""bench enhance: which images a file or a folder holds, and where each goes."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts.errors import UsageError
from radbench.imaging import count_frames, read_image

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def enhance(*words):
    done = CliRunner().invoke(make_app("enhance"), ["enhance", "original", *map(str, words), "--device", "cpu"])
    if isinstance(done.exception, UsageError):
        raise done.exception
    return done


def pages(path, count=3):
    pictures = [Image.fromarray(RAMP // (n + 1)) for n in range(count)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])


def volume(path):
    grid = np.stack([RAMP, RAMP // 2, RAMP // 4], axis=-1)
    nibabel.Nifti1Image(grid, np.diag([1.0, 1.0, 2.0, 1.0])).to_filename(path)


def test_every_frame_goes_into_a_file_of_its_own(folder):
    pages(folder / "a.tif")
    volume(folder / "v.nii.gz")
    for name, count in (("a.tif", 3), ("v.nii.gz", 3)):
        assert count_frames(folder / name) == count
        assert f"{count} of {count} images" in enhance(name, "out/", "--frame", "all").stdout
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        f"{n}-{i}.{s}" for n, s in (("a", "tif"), ("v", "png")) for i in (1, 2, 3)
    ]
    for i in (1, 2, 3):
        assert np.allclose(read_image(folder / f"out/a-{i}.tif").image[0].numpy() * 255, RAMP // i, atol=0.5)


def test_frames_and_files_never_share_an_output(folder):
    (folder / "in").mkdir()
    pages(folder / "in" / "a.tif")
    Image.fromarray(RAMP).save(folder / "in" / "a-1.tif")
    with pytest.raises(UsageError, match=r"two images would be written to 'out/a-1.tif'"):
        enhance("in", "out", "--frame", "all")


def test_one_frame_is_chosen_and_the_advice_says_how(folder):
    pages(folder / "a.tif")
    done = enhance("a.tif", "out/")
    assert done.exit_code == 1
    assert "'a.tif' has 3 frames: choose one with --frame 1..3, or all" in done.output
    assert "0 of 1 image enhanced with original\n" in done.output
    assert enhance("a.tif", "out/", "--frame", "2").exit_code == 0
    assert np.allclose(read_image(folder / "out/a.tif").image[0].numpy() * 255, RAMP // 2, atol=0.5)


def test_a_folder_with_a_slash_is_a_folder(folder):
    Image.fromarray(RAMP).save(folder / "a.png")
    assert "out/a.png" in enhance("a.png", "out/").stdout
    assert (folder / "out" / "a.png").is_file()


def test_what_is_no_image_does_not_stop_the_others(folder):
    (folder / "in").mkdir()
    Image.fromarray(RAMP).save(folder / "in" / "good.png")
    (folder / "in" / "notes.dcm").write_text("not an image")
    (folder / "in" / "gone.png").symlink_to("nowhere.png")
    done = enhance("in", "out")
    assert done.exit_code == 1
    assert [p.name for p in Path("out").iterdir()] == ["good.png"]
    assert "'notes.dcm' is not a DICOM image" in done.output
    assert "gone.png" in done.output
    assert "1 of 3 images" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--frame", "0"], "--frame '0' must be a number from 1, or all"), (["--plane", "up"], "--plane 'up' must be")],
)
def test_an_option_that_cannot_be_is_refused(folder, words, told):
    Image.fromarray(RAMP).save(folder / "a.png")
    with pytest.raises(UsageError, match=told):
        enhance("a.png", "b.png", *words)
