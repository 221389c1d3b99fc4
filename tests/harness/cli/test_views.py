"""bench views: what is written of which views, and what is refused before anything is; thicknesses as pictures."""

import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts.errors import UsageError
from radbench.imaging.write import ImageWriteError

TURNING = '''
"""An enhancer whose views are the image, brighter by a hundredth for each degree."""
import torch
from radbench import Enhancement, EnhancerSpec, hookimpl

@hookimpl
def radbench_enhancers():
    layers = ("bone_image", "bone_thickness")
    return [EnhancerSpec(name="turning", factory="turning:Turning", summary="-", renders=True, layers=layers)]

class Turning:
    def __init__(self, config):
        pass
    def enhance(self, images):
        return Enhancement(images, {"bone_image": images / 2, "bone_thickness": images * 20})
    def views(self, images, poses):
        seen = torch.stack([images + pose.azimuth_deg / 100 for pose in poses], dim=1).clamp(0, 1)
        return Enhancement(seen, {"bone_image": seen / 2, "bone_thickness": seen * 20})
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Each test has a file of this name.
    monkeypatch.delitem(sys.modules, "turning", raising=False)
    (tmp_path / "turning.py").write_text(TURNING)
    Image.fromarray(np.full((16, 24), 102, dtype=np.uint8)).save("a.png")
    return tmp_path


def run(verb, *words):
    done = CliRunner().invoke(make_app(verb), [verb, *words, "--device", "cpu", "--plugin", "turning.py"])
    if isinstance(done.exception, UsageError):
        raise done.exception
    return done


def grey(path):
    picture = np.asarray(Image.open(path))
    assert picture.min() == picture.max()
    return int(picture.max())


def test_each_view_is_a_file_with_its_bones_beside_it(folder):
    done = run("views", "turning", "a.png", "out", "--from", "-10", "--to", "10", "--steps", "3")
    assert done.exit_code == 0, done.output
    names = ["view-1_-10.0", "view-2_+0.0", "view-3_+10.0"]
    written = sorted(p.name for p in (folder / "out").iterdir())
    assert written == sorted([*(f"{n}.png" for n in names), *(f"{n}.bone.png" for n in names), "views.gif"])
    assert [grey(f"out/{n}.png") for n in names] == pytest.approx([76.5, 102, 127.5], abs=1)
    assert [grey(f"out/{n}.bone.png") for n in names] == pytest.approx([38.25, 51, 63.75], abs=1)


def test_the_animation_swings_to_and_fro_with_the_bones_beside_the_view(folder):
    run("views", "turning", "a.png", "out", "--from", "-10", "--to", "10", "--steps", "3")
    with Image.open("out/views.gif") as animation:
        assert (animation.n_frames, animation.size) == (4, (48, 16))
        greys = []
        for frame in range(4):
            animation.seek(frame)
            picture = np.asarray(animation.convert("L"))
            greys.append((int(picture[8, 4]), int(picture[8, 40])))
    # There and back: the outermost views stand once each.
    assert greys == [pytest.approx(g, abs=2) for g in ((76, 38), (102, 51), (127, 64), (102, 51))]


def test_nothing_is_replaced_unless_asked(folder):
    run("views", "turning", "a.png", "out", "--steps", "1", "--from", "0")
    (folder / "out" / "view-1_+0.0.png").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        run("views", "turning", "a.png", "out", "--steps", "1", "--from", "0")
    assert (folder / "out" / "view-1_+0.0.png").read_text() == "precious"
    assert run("views", "turning", "a.png", "out", "--steps", "1", "--from", "0", "--overwrite").exit_code == 0
    assert grey("out/view-1_+0.0.png") == 102


def test_a_folder_or_an_angle_that_is_none_is_refused(folder):
    with pytest.raises(UsageError, match="takes one image"):
        run("views", "turning", ".", "out")
    with pytest.raises(UsageError, match="--to must be an angle"):
        run("views", "turning", "a.png", "out", "--to", "100")
    assert not (folder / "out").exists()


def test_who_renders_no_views_is_refused_and_leaves_no_folder(folder):
    with pytest.raises(UsageError, match="enhancer 'clahe' renders no views"):
        run("views", "clahe", "a.png", "out")
    assert not (folder / "out").exists()


def test_what_cannot_be_written_is_a_sentence(folder):
    (folder / "out" / "views.gif").mkdir(parents=True)
    done = run("views", "turning", "a.png", "out", "--steps", "1", "--from", "0", "--overwrite")
    assert isinstance(done.exception, ImageWriteError)
    assert "views.gif" in str(done.exception)


def test_thicknesses_are_written_over_40_cm(folder):
    done = run("enhance", "turning", "a.png", "e.png", "--layers")
    assert done.exit_code == 0, done.output
    assert grey("e.bone_thickness.png") == pytest.approx(65535 * 0.4 * 20 / 40, abs=1)
