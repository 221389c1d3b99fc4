"""Every command that a document shows in its text, or a verb's help as its example, does what it says.

What would train, or needs data that are not here, comes as far as the plan, or to the sentence that says what lacks.
"""

import itertools
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer.main

from radbench.cli import main
from radbench.cli.app import make_app
from radbench.imaging import write_image

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
SHOWN = re.compile(r"^    (bench [^#\n]*?)(?:   .*|\s*#.*)?$", re.MULTILINE)

SMALL = "patients=20,grid=[32,32,32],size=64"
"""Nor are as many large patients made as the documents name."""
PLACES = itertools.count()
"""Of what no folder takes twice: a reader study, a new plugin."""
VIEWERS = ("xraysyn", "x2ct", "3dpn-drr", "2d-refiner")
LEARNERS = ("lung-unet", "bone-unet", "dncnn", "gan", "hnn", "cad", "guided-unet", "madmad", *VIEWERS)
ENDS = {
    "bench run --enhancer original,'command[run=": (2, "there is no program 'convert-my-image'"),
    "bench data check lidc": (2, "holds no"),
    "bench data check 'lidc[root=PATH": (2, "holds no"),
    "bench run --enhancer original,clahe --task image-quality --dataset lidc": (2, "holds no"),
    "bench data check deeplesion": (2, "DL_info.csv' does not exist"),
    "bench data check 'deeplesion[root=PATH": (2, "DL_info.csv' does not exist"),
    "bench run --enhancer original,clahe --task grabcut --dataset 'deeplesion[root=PATH": (
        2,
        "DL_info.csv' does not exist",
    ),
    "bench data check 'lidc-nodules[root=PATH": (2, "holds no"),
    "bench run --enhancer original,clahe --task grabcut --dataset 'lidc-nodules[root=PATH": (2, "holds no"),
    "bench run --enhancer original --task grabcut --dataset 'lidc-nodules[root=PATH": (2, "holds no"),
    "bench run --enhancer original,clahe --task 'hnn[trained_on=phantom-lesions]' --dataset 'lidc-nodules[root=PATH": (
        2,
        "holds no",
    ),
    # The missing one is the third case.
    "bench data check 'nih-cxr14[root=part-of-nih": (0, "1 of 4 listed images not there"),
    "bench data check 'nih-cxr14[root=PATH": (2, "Data_Entry_2017.csv' does not exist"),
    "bench data check nih-cxr14": (2, "Data_Entry_2017.csv' does not exist"),
    "bench run --enhancer original,clahe --task image-quality --dataset 'nih-cxr14[root=PATH": (
        2,
        "Data_Entry_2017.csv' does not exist",
    ),
    "bench data check 'chexpert[root=PATH": (2, "train.csv' does not exist"),
    "bench data check 'jsrt[root=PATH": (2, "holds no images"),
    "bench run --enhancer original,lung-unet --task 'lung-segmentation[truth=aerated]' --dataset 'jsrt[root=PATH": (
        2,
        "holds no images",
    ),
    "bench data check 'tbx11k[root=PATH": (2, "TBX11K_train.txt' does not exist"),
    "bench publish RUN --replace --supersede": (2, "there is nothing to supersede under data set"),
    "bench enhance lung-unet": (2, "nowhere"),
    "bench views xraysyn": (2, "nowhere"),
    "bench train 'guided-unet[trained_on=folder[root=PATH": (2, "holds no images"),
    "bench run --enhancer original,lung-unet --task cad --dataset 'nih-cxr14[root=PATH": (
        2,
        "Data_Entry_2017.csv' does not exist",
    ),
    "bench leaderboard --task cad": (2, "unknown task 'cad': there is grabcut"),
    "bench leaderboard --task hnn": (2, "unknown task 'hnn': there is grabcut"),
    "bench power runs/my-run": (2, "nothing is compared there"),
    "bench report runs/my-run --control 'gamma[gamma=3.0]' --no-images": (2, "unknown control 'gamma[gamma=3.0]'"),
    # They are in the repository, and not in a reader's folder.
    "bench verify leaderboards/": (2, "there is no leaderboard"),
    "bench report leaderboards/": (2, "there is no leaderboard"),
    "bench site leaderboards": (2, "there is no leaderboard"),
    "bench merge runs/": (2, "there is no leaderboard"),
    "bench card merged": (2, "there is no leaderboard"),
    "bench card leaderboards/": (2, "there is no leaderboard"),
    "bench reader-study analyse": (2, "has no key/key.json"),
    "bench reader-study make RUN --enhancers original,fattal": (2, "unknown enhancer of this run 'fattal'"),
    "bench leaderboard leaderboards/ --column": (2, "there is no leaderboard"),
    "bench study show sgan-2018 --from leaderboards": (2, "there is no leaderboard"),
    "bench study show guided-unet-2023 --from leaderboards": (2, "there is no leaderboard"),
    "bench study run sgan-2018 --dataset 'deeplesion[root=PATH": (0, "lesions: cannot be run"),
}


def in_documents():
    for document in DOCUMENTS:
        for found in SHOWN.finditer(document.read_text()):
            if "…" not in found[1]:
                yield pytest.param(found[1].strip(), id=f"{document.name}: {found[1][:60]}")


def in_help():
    def epilogs(command):
        yield command.epilog or ""
        for below in getattr(command, "commands", {}).values():
            yield from epilogs(below)

    for text in epilogs(typer.main.get_command(make_app(None))):
        for command in re.findall(r"bench [^&\n]*", text):
            yield pytest.param(command.strip(), id=f"help: {command[:60]}")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A reader's folder: some radiographs under the names that are used, a run, an empty collection."""
    folder = tmp_path_factory.mktemp("desk")
    image = torch.from_numpy(np.random.default_rng(0).random((1, 64, 48), dtype=np.float32))
    for name in ("my-radiographs/1.png", "my-images/1.png", "enhanced-by-matlab/1.png", "originals/1.png", "chest.png"):
        write_image(folder / name, image)
    write_image(folder / "DIV2K" / "1.png", image.repeat(1, 2, 3))
    (folder / "PATH").mkdir()
    part_of_nih(folder / "part-of-nih")
    return folder


def part_of_nih(root):
    """Write what docs/radiographs.md shows the check of: an image that is missing, one that is in no line."""
    lines = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"]
    for number, labels in enumerate(("No Finding", "Effusion|Mass", "Nodule", "No Finding"), 1):
        lines.append(f"{number:08d}_000.png,{labels},0,{number},60,F,PA")
    root.mkdir()
    (root / "Data_Entry_2017.csv").write_text("\n".join(lines))
    (root / "train_val_list.txt").write_text("".join(f"{n:08d}_000.png\n" for n in (1, 2, 3)))
    (root / "test_list.txt").write_text("00000004_000.png\n")
    grey = torch.from_numpy(np.random.default_rng(1).random((1, 64, 64), dtype=np.float32))
    for number in (1, 2, 4, 9):
        write_image(root / "images_001" / "images" / f"{number:08d}_000.png", grey)


@pytest.fixture
def bench(desk, monkeypatch, capsys):
    for name in ("CACHE", "CONFIG"):
        monkeypatch.setenv(f"RADBENCH_{name}", str(desk / name.lower()))
    monkeypatch.setenv("RADBENCH_RUNS", str(desk / "runs"))
    monkeypatch.chdir(desk)

    def call(words):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out + said.err

    if not (desk / "RUN").exists():
        code, said = call(["run", "-e", "original,clahe", "-t", "grabcut", "--limit", "6", "--debug", "--out", "RUN"])
        assert code == 0, said
        call(["run", "-e", "original", "-t", "grabcut", "--limit", "2", "--debug", "--out", "runs/my-run"])
    return call


def runnable(command):
    """Return a command's words as they are run here."""
    words = [re.sub(r"phantom-cxr(\[|(?=[],])|$)", _small, word) for word in shlex.split(command)[1:]]
    learns = any(name in word for word in words for name in LEARNERS) or "all" in words
    if words[0] == "run":
        # Variants of bm3d take seconds an image.
        words += ["--limit", "1" if "bm3d[" in command else "2", "--debug"]
    if words[0] == "run" and learns:
        words = ["plan", *words[1:-1]]
    if words[0] == "publish" and "--into" not in words:
        # What others read from leaderboards/ does not depend on who ran before them.
        words += ["--into", "published"]
    if words[:2] == ["study", "run"]:
        words += ["--plan"]
    if words[0] == "train":
        task = "lung-extraction" if "lung-unet" in words[1] or "bone-unet" in words[1] else "image-quality"
        words = ["plan", "--enhancer", words[1], "--task", task, *words[2:]]
    if words[:2] == ["reader-study", "make"]:
        words[-1] += f"-{next(PLACES)}"
    if words[:2] == ["plugin", "new"] and "--out" not in words:
        # Several places show the same one.
        words += ["--out", f"new-plugin-{next(PLACES)}"]
    if words[0] in ("enhance", "views") and learns:
        words[2] = "nowhere"
    if words[0] == "enhance" and "chest.dcm" in words:
        words = [*words[:2], "chest.png", "enhanced.png"]
    return [*words, "--limit", "2"] if words[:2] == ["data", "check"] else words


def _small(found):
    return f"phantom-cxr[{SMALL}," if found[1] else f"phantom-cxr[{SMALL}]"


@pytest.mark.parametrize("command", [*in_documents(), *in_help()])
def test_a_command_that_is_shown_does_what_it_says(bench, command):
    plain = command.replace('"', "'")
    status, part = next((end for start, end in ENDS.items() if plain.startswith(start)), (0, ""))
    if "--dataset lidc" in command:
        bench(["data", "add", "lidc", "PATH"])
    code, said = bench(runnable(command))
    assert (code, part in said) == (status, True), said
    if status:
        assert "Traceback" not in said


def test_commands_are_found_where_they_are_shown():
    assert len([*in_documents()]) >= 10
    assert len([*in_help()]) >= 12
