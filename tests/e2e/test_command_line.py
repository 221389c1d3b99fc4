"""The command line as a newcomer uses it, on small data: in processes of its own, or here where that is enough."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch

import radbench
from radbench.cli import main
from radbench.imaging import read_image, write_image

VERBS = ("list", "info", "plan", "run", "train", "enhance", "leaderboard", "power", "publish", "data")


class Bench:
    """Runs `bench` in a folder with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "RADBENCH_CACHE": str(folder / "cache"),
            "RADBENCH_CONFIG": str(folder / "config"),
            "COLUMNS": "120",
        }
        self.environment.pop("RADBENCH_RUNS", None)

    def __call__(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from radbench.cli import main; main()", *words]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == status, f"bench {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("user"))


RUN = ("run", "--enhancer", "clahe,unsharp", "--task", "grabcut", "--limit", "6", "--jobs", "2")


@pytest.fixture(scope="module")
def first_run(bench):
    return bench(*RUN)


@pytest.fixture(scope="module")
def run_folder(bench, first_run):
    return bench.folder / re.search(r"journal and logs: (.*)", first_run.stdout)[1]


@pytest.fixture(scope="module")
def radiographs(bench):
    """A folder of four small pictures, one of them cut short."""
    folder = bench.folder / "radiographs"
    rng = np.random.default_rng(0)
    for i in range(4):
        smooth = torch.from_numpy(np.cumsum(np.cumsum(rng.normal(size=(96, 80)), 0), 1).astype(np.float32))
        write_image(folder / f"r{i}.png", ((smooth - smooth.min()) / (smooth.max() - smooth.min()))[None], bits=8)
    whole = (folder / "r3.png").read_bytes()
    (folder / "r3.png").write_bytes(whole[: len(whole) // 2])
    return folder


# help and listing ----------------------------------------------------------------------------------------------


def test_help_names_every_verb(bench):
    shown = bench("--help").stdout
    assert all(re.search(rf"^\W*{verb}\b", shown, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "data"])
def test_help_of_a_verb_ends_with_an_example(bench, verb):
    assert f"bench {verb} " in bench(verb, "--help").stdout


def test_version_is_the_packages(bench):
    assert radbench.__version__ in bench("--version").stdout


def test_list_has_the_built_in_plugins(bench):
    listed = json.loads(bench("list", "--json").stdout)
    assert {"original", "he", "gamma", "unsharp", "clahe", "wls", "images"} <= {e["name"] for e in listed["enhancers"]}
    assert {"grabcut", "image-quality"} <= {t["name"] for t in listed["tasks"]}
    assert {"folder", "phantom-lesions"} <= {d["name"] for d in listed["datasets"]}


def test_info_says_where_every_setting_comes_from(bench):
    facts = json.loads(bench("info", "clahe", "--json").stdout)
    fields = {f["field"]: f for f in facts["configuration"]}
    assert fields["clip_limit"]["quick"] == "0.01"
    assert all(f["source"].startswith(("paper", "code", "assumed")) for f in fields.values())


# wrong usage ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bench_here(bench, monkeypatch, capsys):
    """Return a function that calls ``bench`` in this process and gives what :class:`Bench` does."""
    for name in ("RADBENCH_CACHE", "RADBENCH_CONFIG", "COLUMNS"):
        monkeypatch.setenv(name, bench.environment[name])
    monkeypatch.delenv("RADBENCH_RUNS")
    monkeypatch.chdir(bench.folder)

    def call(*words, status=0):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as left:
            main()
        done = subprocess.CompletedProcess(words, left.value.code or 0, *capsys.readouterr())
        assert done.returncode == status, f"bench {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return call


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "-e", "clahee", "-t", "grabcut"), "did you mean 'clahe'?"),
        (("train", "clahe"), "'clahe' does not learn"),
        (("train", "lung-unet[trained_on=a]"), "unknown dataset 'a'"),
        (("run", "-e", "chain[of=[clahee]]", "-t", "grabcut"), "did you mean 'clahe'?"),
        (("run", "-e", "chain", "-t", "grabcut"), "field 'of' must be given"),
        (("run", "-e", "clahe", "-t", "grabcat"), "did you mean 'grabcut'?"),
        (("run", "-e", "clahe[clip=1]", "-t", "grabcut"), "has no field 'clip': did you mean 'clip_limit'?"),
        (("run", "-e", "clahe[clip_limit=much]", "-t", "grabcut"), "field 'clip_limit'"),
        (("run", "-e", "clahe", "-t", "grabcut", "--set", "task.inputs=stacked"), "did you mean 'input'?"),
        (("run", "-e", "clahe", "-t", "grabcut", "--set", "inputs"), "must read enhancer.field=value"),
        (("run", "-e", "clahe", "-t", "grabcut", "--profile", "slow"), "profile 'slow' must be quick or paper"),
        (("run", "-e", "clahe", "-t", "grabcut", "--seed", "x"), "whole number"),
        (("run", "-e", "clahe", "-t", "grabcut", "--device", "tpu"), "must be auto, cpu, cuda or cuda:N"),
        (("run", "-e", "clahe", "-t", "grabcut", "--executor", "slurm"), "executor 'slurm' must be local or ray"),
        (("run", "-e", "clahe"), "name at least one --enhancer and one --task"),
        (("run", "-e", "clahe", "-t", "image-quality", "-d", "folder[root=nowhere]"), "does not exist"),
        (("run", "-e", "clahe", "-t", "image-quality", "-d", "folder"), "field 'root' must be given"),
        (("run", "-e", "clahe[", "-t", "grabcut"), "left open"),
        (("info", "clahee"), "did you mean 'clahe'?"),
        (("run", "-e", "grabcut", "-t", "grabcut"), "'grabcut' is a task, not an enhancer"),
        (("run", "-e", "clahe", "-t", "wls"), "'wls' is an enhancer, not a task"),
        (("run", "-e", "clahe", "-t", "image-quality", "-d", "my/images"), "is folder[root=my/images]"),
        (("run", "-e", "my/images", "-t", "image-quality"), "is images[root=my/images]"),
        (("run", "-e", "images", "-t", "image-quality"), "must be given: images[root=…]"),
        (("data", "check", "lidc"), "or keep it: bench data add lidc PATH"),
        (("data", "check", "clahe"), "'clahe' is an enhancer, not a data set"),
        (("data", "add", "my-radiographs", "here"), "bench data add folder here"),
        (("data", "add", "foldr", "here"), "did you mean 'folder'?"),
        (("run", "-e", "clahe", "-t", "grabcut", "--plugin", "."), "it is a folder; name the file that has the hooks"),
        (("enhance", "clahe", "nowhere.png", "out.png"), "does not exist"),
        (("leaderboard", "nowhere.csv"), "nowhere.csv"),
        (("data", "add", "folder", "nowhere"), "does not exist"),
        (("data", "add", "phantom-lesions", "."), "made on the fly"),
        (("plan", "-e", "blur", "-t", "grabcut", "--seed", "-1"), "from 0 to 4294967295, got [-1]"),
        (("plan", "-e", "lung-unet[weight=inf]", "-t", "lung-extraction"), "'weight': must not be infinite or NaN"),
        (
            ("plan", "-e", "clahe", "-t", "fidelity", "-d", "folder[root=.,spacing_mm=[Infinity,1]]"),
            "must not be infinite",
        ),
        (("data", "add", "folder", ""), "an argument is empty"),
        (("enhance", "clahe", "chest.png", "--profile="), "an argument is empty"),
        (("run", "-e", "clahe", "-t", "fidelity", "-d", "folder[root=]"), "field 'root': names no file or folder"),
        (("plan", "-e", "clahe", "-t", "grabcut", "-d", "folder[root=.,masks='']"), "'masks': names no file or folder"),
        (("run", "-e", "clahe", "-t", "grabcut", "--plugin", "nowhere.py"), "does not exist"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_status_2(bench_here, words, told):
    said = bench_here(*words, status=2).stderr
    assert told in said


def test_a_run_needs_a_folder_that_can_be_written(bench):
    (bench.folder / "a-file").write_text("")
    said = bench(*RUN, "--out", "a-file/run", status=2).stderr
    assert "cannot write to 'a-file/run'" in said


# run, leaderboard, publish -------------------------------------------------------------------------------------


def test_a_run_scores_the_baseline_beside_what_was_asked_for(run_folder, first_run):
    frame = radbench.read_leaderboard(run_folder)
    assert list(dict.fromkeys(frame["enhancer"])) == ["original", "clahe", "unsharp"]
    overall = frame[(frame["group"] == "all") & (frame["metric"] == "dice")]
    assert (overall["n_cases"] == 6).all()
    assert (overall["value"] > 0.5).all()
    assert "recist" in first_run.stdout
    assert set(frame["given"]) == {"recist"}
    assert set(frame["truth"]) == {"lesion_mask"}


def test_a_second_identical_run_recomputes_nothing(bench, first_run):
    again = bench(*RUN).stdout
    assert "nothing recomputed" in again


def test_changing_one_field_recomputes_only_that_enhancer(bench, first_run):
    changed = bench(*[w.replace("clahe", "clahe[clip_limit=0.03]") for w in RUN]).stdout
    assert re.search(r"^12 case-steps computed, 24 reused", changed, re.MULTILINE)


@pytest.mark.parametrize(
    ("format_", "mark"),
    [("table", "clahe"), ("csv", "schema_version,"), ("markdown", "| "), ("latex", r"\toprule"), ("json", "{")],
)
def test_leaderboard_prints_every_format(bench_here, run_folder, format_, mark):
    assert mark in bench_here("leaderboard", str(run_folder), "--format", format_).stdout


def test_published_rows_are_those_of_the_run(bench, run_folder):
    bench("publish", str(run_folder))
    bench("publish", str(run_folder))
    published = radbench.read_leaderboard(bench.folder / "leaderboards" / "grabcut.csv")
    run = radbench.read_leaderboard(run_folder)
    assert len(published) == len(run)
    assert set(published["value"]) == set(run["value"])


def test_a_study_file_gives_options_and_the_command_line_wins(bench, first_run):
    (bench.folder / "study.toml").write_text('enhancer = ["clahe", "unsharp"]\ntask = "grabcut"\nlimit = 3\njobs = 2\n')
    assert "nothing recomputed" in bench("run", "--config", "study.toml", "--limit", "6").stdout
    (bench.folder / "wrong.toml").write_text("enhancers = 'clahe'\n")
    assert "did you mean 'enhancer'?" in bench("run", "--config", "wrong.toml", status=2).stderr


def test_plan_takes_the_same_study_file_and_the_command_line_wins(bench, bench_here):
    text = 'enhancer = ["clahe", "unsharp"]\ntask = "grabcut"\nlimit = 3\njobs = 2\nout = "elsewhere"\n'
    (bench.folder / "study.toml").write_text(text)
    words = ["plan", "-e", "clahe", "-e", "unsharp", "-t", "grabcut", "--limit"]
    assert bench_here("plan", "--config", "study.toml").stdout == bench_here(*words, "3").stdout
    assert bench_here("plan", "--config", "study.toml", "--limit", "2").stdout == bench_here(*words, "2").stdout
    (bench.folder / "wrong.toml").write_text("enhancers = 'clahe'\n")
    assert "did you mean 'enhancer'?" in bench_here("plan", "--config", "wrong.toml", status=2).stderr
    assert "name at least one --enhancer and one --task" in bench_here("plan", "-e", "clahe", status=2).stderr


def test_plan_lists_what_does_not_apply_and_why(bench, radiographs):
    planned = bench("plan", "-e", "clahe", "-t", "grabcut", "-d", f"folder[root={radiographs}]").stdout
    assert planned.count("has no recist, lesion_mask") == 2


def test_one_unreadable_image_is_named_and_the_rest_are_scored(bench, radiographs):
    words = ["run", "-e", "unsharp", "-t", "image-quality", "-d", f"folder[root={radiographs}]", "--out", "quality"]
    done = bench(*words, status=1)
    assert "r3" in done.stderr
    assert done.stderr.count(": 3 of 4 cases scored") == 2
    frame = radbench.read_leaderboard(bench.folder / "quality")
    # MS-SSIM has no answer for images as small as these.
    assert set(frame.loc[frame["metric"] != "ms_ssim", "n_cases"]) == {3}
    assert set(frame["status"]) == {"ok"}


def test_python_gives_the_same_numbers(bench, run_folder, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(bench.folder / "cache"))
    out = bench.folder / "from-python"
    frame = radbench.run("clahe,unsharp", "grabcut", limit=6, jobs=2, out=out)
    theirs = radbench.read_leaderboard(run_folder)
    assert list(frame["value"]) == list(theirs["value"])
    assert list(frame["p_value"].dropna()) == list(theirs["p_value"].dropna())


# enhance -------------------------------------------------------------------------------------------------------


def test_enhance_a_folder_goes_on_after_a_bad_image(bench, radiographs):
    done = bench("enhance", "clahe", str(radiographs), "enhanced", status=1)
    assert "3 of 4 images enhanced" in done.stdout
    assert "r3.png" in done.stderr
    assert sorted(p.name for p in (bench.folder / "enhanced").iterdir()) == ["r0.png", "r1.png", "r2.png"]


def test_enhance_never_overwrites_unasked(bench, radiographs):
    source, target = str(radiographs / "r0.png"), "once.png"
    bench("enhance", "unsharp", source, target)
    assert "is there already" in bench("enhance", "unsharp", source, target, status=2).stderr
    bench("enhance", "unsharp", source, target, "--overwrite")
    assert "is there already" in bench("enhance", "unsharp", source, source, "--overwrite", status=2).stderr


def test_enhanced_dicom_is_a_derived_object(bench):
    bench("data", "make", "phantom-lesions", "dicoms", "--cases", "1", "--format", "dicom")
    (file,) = (bench.folder / "dicoms" / "images").glob("*.dcm")
    bench("enhance", "clahe", str(file), "derived.dcm")
    source, derived = pydicom.dcmread(file), pydicom.dcmread(bench.folder / "derived.dcm")
    assert derived.SOPInstanceUID != source.SOPInstanceUID
    assert derived.ImageType[0] == "DERIVED"
    assert "clahe" in derived.DerivationDescription
    assert derived.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    expected = radbench.enhance("clahe", read_image(file).image[None]).image[0]
    assert torch.allclose(read_image(bench.folder / "derived.dcm").image, expected, atol=1e-4)


# train ---------------------------------------------------------------------------------------------------------


LEARNING = str(Path(__file__).resolve().parents[1] / "harness" / "engine" / "learning_plugin.py")


@pytest.fixture(scope="module")
def trained(bench):
    return bench("train", "pupil[trained_on=ramps[train=3]]", "--plugin", LEARNING, "--jobs", "1")


def test_train_says_what_it_learns_from_how_long_it_takes_and_where_the_curve_lies(trained, bench):
    assert "is not trained yet: learning from ramps[train=3] (3 + 2 cases) comes first" in trained.stderr
    assert "training takes about 1 min 30 s on this machine" in trained.stderr
    curve = re.search(r"best [\d.]+ in epoch \d of 2: (.*)", trained.stdout)[1]
    assert Path(curve).read_text().startswith("epoch,train_loss")
    assert "pretrained: a good school" in trained.stdout


def test_enhance_uses_what_was_trained_and_trains_what_was_not(trained, bench, radiographs):
    words = ("--plugin", LEARNING)
    stored = bench("enhance", "pupil[trained_on=ramps[train=3]]", "radiographs/r0.png", "p0.png", *words)
    assert "trained" not in stored.stderr
    fresh = bench("enhance", "pupil", "radiographs/r0.png", "p1.png", *words)
    assert "pupil is not trained yet: learning from ramps (4 + 2 cases) comes first" in fresh.stderr
    again = bench("train", "pupil", *words)
    assert "pupil: trained already on ramps (4 + 2 cases)" in again.stdout
    failed = bench("enhance", "pupil[fails=raises]", "radiographs/r0.png", "p2.png", *words, status=1)
    assert "cannot be trained (error): RuntimeError: no convergence" in failed.stderr
    journal = bench.folder / re.search(r"more is in (.*)", failed.stderr)[1]
    assert "Traceback" in journal.read_text()


def test_train_ends_with_status_1_where_a_training_failed(bench):
    failed = bench("train", "pupil[fails=raises]", "--plugin", LEARNING, "--jobs", "1", status=1)
    assert "failed: pupil[fails=raises] (error): RuntimeError: no convergence" in failed.stderr
    assert "Traceback" in (bench.folder / re.search(r"more is in (.*);", failed.stderr)[1]).read_text()


def test_list_and_info_say_who_learns_and_what_from(bench):
    listed = json.loads(bench("list", "enhancers", "--json", "--plugin", LEARNING).stdout)
    assert {e["name"]: e["learns"] for e in listed}["pupil"]
    assert not {e["name"]: e["learns"] for e in listed}["clahe"]
    assert re.search(r"pupil .*\(learns\)", bench("list", "enhancers", "--plugin", LEARNING).stdout)
    told = bench("info", "pupil", "--plugin", LEARNING).stdout
    assert "learns: yes" in told
    assert "trained_on: dataset ramps" in told


def test_info_goes_down_into_the_parts(bench):
    told = bench("info", "chain[of=[wls,clahe[clip_limit=0.02]]]").stdout
    assert "enhancer chain[of=[wls,clahe[clip_limit=0.02]]]" in told
    assert "of: enhancer wls" in told
    assert "of: enhancer clahe[clip_limit=0.02]" in told
    assert "layers: base, details" in told


# data ----------------------------------------------------------------------------------------------------------


def test_a_made_phantom_is_a_folder_data_set_again(bench):
    bench("data", "make", "phantom-lesions", "made", "--cases", "3")
    name = "folder[root=made/images,masks=made/lesion_mask,mask_target=lesion_mask]"
    checked = json.loads(bench("data", "check", name, "--json").stdout)
    assert checked["splits"]["test"]["cases"] == 3
    assert checked["targets"]["lesion_mask"] == {"cases": 3, "not_empty": 3}


def test_check_finds_a_target_that_is_declared_and_never_there(bench):
    (bench.folder / "bare_plugin.py").write_text(
        "import torch\n"
        "from radbench import Case, CaseEntry, Config, DatasetSpec, hookimpl\n\n\n"
        "@hookimpl\n"
        "def radbench_datasets():\n"
        "    return [DatasetSpec(name='bare', factory='bare_plugin:Bare', summary='', targets=('lung_mask',))]\n\n\n"
        "class Bare:\n"
        "    Config, modality, targets = Config, 'any', frozenset({'lung_mask'})\n\n"
        "    def __init__(self, config): ...\n\n"
        "    def manifest(self):\n"
        "        return [CaseEntry('a', 'p', 'test', '0' * 64)]\n\n"
        "    def load(self, case_id):\n"
        "        return Case('a', 'p', torch.zeros(1, 8, 8))\n"
    )
    said = bench("data", "check", "bare", "--plugin", "bare_plugin.py", status=1).stderr
    assert "fault: target 'lung_mask' is declared, and no case has it" in said


def test_an_empty_folder_is_not_enhanced_in_silence(bench):
    (bench.folder / "nothing").mkdir()
    assert "'nothing' holds no images" in bench("enhance", "clahe", "nothing", "out", status=2).stderr


def test_check_names_the_bad_file(bench, radiographs):
    assert "r3" in bench("data", "check", f"folder[root={radiographs}]", status=1).stderr


def test_a_location_is_remembered(bench, radiographs):
    bench("data", "add", "folder", str(radiographs))
    assert str(radiographs) in bench("data", "list").stdout
    assert "4 cases" in bench("data", "check", "folder", status=1).stdout


def test_a_broken_plugin_is_a_warning_and_a_line(bench):
    (bench.folder / "broken_plugin.py").write_text("import there_is_no_such_module\n")
    said = bench("list", "--plugin", "broken_plugin.py", status=1).stderr
    assert "there_is_no_such_module" in said


PICKY = """
from radbench import EnhancerSpec, hookimpl

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="picky", factory="picky_plugin:picky", summary="raises on bright images")]

def picky(images):
    if images.mean() > 0.5:
        raise RuntimeError("too bright")
    return images * 0.5
"""


def test_an_image_that_an_enhancer_raises_on_fails_alone_and_by_name(bench):
    (bench.folder / "picky_plugin.py").write_text(PICKY)
    for name, grey in (("a", 0.9), ("b", 0.2)):
        write_image(bench.folder / "picky" / f"{name}.png", torch.full((1, 16, 16), grey))
    done = bench("enhance", "picky", "picky", "picky-out", "--plugin", "picky_plugin.py", status=1)
    assert "a.png: RuntimeError: too bright (picky_plugin.py:10)" in done.stderr
    assert "1 of 2 images" in done.stdout
    assert [p.name for p in (bench.folder / "picky-out").iterdir()] == ["b.png"]


def test_one_image_is_said_to_lie_where_it_lies(bench):
    write_image(bench.folder / "one.png", torch.rand(1, 16, 16))
    said = bench("enhance", "gamma", "one.png", "one-out.gif").stdout.split()[-1]
    assert (bench.folder / said).exists()
