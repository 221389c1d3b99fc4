"""bench enhance: which images a file or a folder holds, and where each goes."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts.errors import UsageError
from radbench.imaging import count_frames, read_image

from .imaging.test_image_dicom import dicom

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


# names and links -----------------------------------------------------------------------------------------------


def test_a_name_that_is_no_utf8_is_kept_and_can_be_printed(folder):
    (folder / "in").mkdir()
    for raw in (b"M\xfcller.png", b"\x1b[31mred.png"):
        Image.fromarray(RAMP).save(folder / "in" / os.fsdecode(raw))
    (folder / "in" / os.fsdecode(b"torn\xff.png")).write_bytes(b"not an image")
    done = enhance("in", "out")
    assert "2 of 3 images" in done.output
    assert "failed: in/torn\\xff.png: " in done.output
    assert "\x1b" not in done.output
    assert sorted(os.fsencode(p.name) for p in (folder / "out").iterdir()) == [b"\x1b[31mred.png", b"M\xfcller.png"]


def test_two_files_of_one_name_and_different_kinds_are_both_enhanced(folder):
    (folder / "in").mkdir()
    for suffix in ("png", "tif"):
        Image.fromarray(RAMP).save(folder / "in" / f"a.{suffix}")
    assert "2 of 2 images" in enhance("in", "out").output


def test_an_output_within_the_input_is_no_input(folder):
    (folder / "in").mkdir()
    Image.fromarray(RAMP).save(folder / "in" / "a.png")
    for _ in range(2):
        assert "1 of 1 image " in enhance("in", "in/out", "--overwrite").output


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_among_the_outputs_is_never_followed(folder, overwrite):
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    Image.fromarray(RAMP).save(folder / "in" / "a.png")
    (folder / "precious.png").write_text("precious")
    (folder / "out" / "a.png").symlink_to(folder / "precious.png")
    if overwrite:
        assert enhance("in", "out", "--overwrite").exit_code == 0
        assert not (folder / "out" / "a.png").is_symlink()
    else:
        with pytest.raises(UsageError, match=r"'out/a\.png' is there already"):
            enhance("in", "out")
    assert (folder / "precious.png").read_text() == "precious"


def test_a_folder_among_the_outputs_that_leads_elsewhere_is_refused(folder):
    (folder / "in" / "below").mkdir(parents=True)
    Image.fromarray(RAMP).save(folder / "in" / "below" / "a.png")
    (folder / "elsewhere").mkdir()
    (folder / "out").mkdir()
    (folder / "out" / "below").symlink_to(folder / "elsewhere")
    with pytest.raises(UsageError, match=r"'out/below' is a link that leads out of 'out'"):
        enhance("in", "out", "--overwrite")
    assert not any((folder / "elsewhere").iterdir())


# what is noticed, and what is taken out ------------------------------------------------------------------------


def test_what_is_odd_is_said_in_the_words_of_the_command(folder):
    Image.fromarray(RAMP.astype(np.uint16) * 16).save(folder / "a.png")
    done = enhance("a.png", "out/")
    assert done.exit_code == 0
    assert "noticed: a.png: values end at 4080 of 65535, as 12 bits" in done.output
    assert "say --bits 12" in done.output
    assert "noticed" not in enhance("a.png", "out/", "--bits", "12", "--overwrite").output
    assert np.allclose(read_image(folder / "out" / "a.png").image[0].numpy() * 4095, RAMP * 16.0, atol=0.1)


def test_what_an_enhancer_remarks_on_an_image_is_said_with_its_name(folder):
    (folder / "wary.py").write_text(
        """
import warnings
from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl

def wary(images):
    warnings.warn("unlike what was learnt from", stacklevel=1)
    return images

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="wary", factory="wary:wary", summary="Remarks on everything")]
"""
    )
    Image.fromarray(RAMP).save(folder / "a.png")
    words = ["enhance", "wary", "a.png", "out/", "--device", "cpu", "--plugin", "wary.py"]
    done = CliRunner().invoke(make_app("enhance"), words)
    assert (done.exit_code, "noticed: a.png: unlike what was learnt from" in done.output) == (0, True), done.output


def test_layers_never_land_on_an_image_or_on_a_file_that_is_there(folder):
    (folder / "in").mkdir()
    for name in ("a", "a.base"):
        Image.fromarray(RAMP).save(folder / "in" / f"{name}.png")
    words = ["enhance", "wls", "in", "out", "--device", "cpu", "--layers"]
    done = CliRunner().invoke(make_app("enhance"), words)
    assert "two images would be written to 'out/a.base.png'" in str(done.exception)
    (folder / "in" / "a.base.png").unlink()
    (folder / "out").mkdir(exist_ok=True)
    (folder / "out" / "a.base.png").write_text("precious")
    done = CliRunner().invoke(make_app("enhance"), words)
    assert "'out/a.base.png' is there already" in str(done.exception)
    assert (folder / "out" / "a.base.png").read_text() == "precious"


def test_a_claim_of_many_frames_is_one_fault(folder):
    dicom(folder / "a.dcm", RAMP, bits=8, NumberOfFrames=2_000_000_000)
    done = enhance("a.dcm", "out/", "--frame", "all")
    assert done.exit_code == 1
    assert "claims 2,000,000,000 frames, more than the 16,384 that are read" in done.output


NAMES = ("SECRET", "19700101", "1.2.840.99999")
"""What stands in the elements that the profile takes out, at the top and within sequences."""


def identified(path):
    item, inner = Dataset(), Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.99999.7"
    item.ReferencedSOPInstanceUID, item.OperatorsName = "1.2.840.99999.8", "SECRET^OPERATOR"
    item.ReferencedImageSequence = [inner]
    block = Dataset().private_block(0x0099, "SECRET VENDOR", create=True)
    elements = {
        "PatientName": "SECRET^PATIENT",
        "PatientID": "SECRET-1",
        "PatientBirthDate": "19700101",
        "StudyDate": "19700101",
        "AcquisitionDateTime": "19700101120000",
        "InstitutionName": "SECRET HOSPITAL",
        "ReferringPhysicianName": "SECRET^DOCTOR",
        "StudyDescription": "SECRET STORY",
        "PatientComments": "SECRET",
        "AccessionNumber": "SECRET",
        "StudyInstanceUID": "1.2.840.99999.1",
        "SeriesInstanceUID": "1.2.840.99999.2",
        "SOPInstanceUID": f"1.2.840.99999.3.{len(path.name)}",
        "FrameOfReferenceUID": "1.2.840.99999.4",
        "ReferencedStudySequence": [item],
        "RequestAttributesSequence": [item],
        "PixelSpacing": [0.2, 0.2],
        "KVP": "120",
    }
    dicom(path, RAMP, bits=8, **elements)
    ds = pydicom.dcmread(path)
    ds.add_new(block.get_tag(1), "LO", "SECRET")
    for tag, vr, value in ((0x10, "US", 16), (0x11, "US", 16), (0x22, "LO", "SECRET"), (0x3000, "OW", b"\0" * 32)):
        ds.add_new((0x6000, tag), vr, value)
    ds.save_as(path)


def test_deidentified_files_hold_nothing_of_who_and_when_and_stay_together(folder):
    (folder / "in" / "SECRET patient").mkdir(parents=True)
    for name in ("SECRET1.dcm", "SECRET22.dcm"):
        identified(folder / "in" / "SECRET patient" / name)
    done = enhance("in", "out", "--deidentify")
    assert done.exit_code == 0, done.output
    files = sorted(p for p in (folder / "out").rglob("*") if p.is_file())
    assert [p.relative_to(folder / "out").as_posix() for p in files] == ["image-1.dcm", "image-2.dcm"]
    for file in files:
        data = file.read_bytes()
        assert [name for name in NAMES if name.encode() in data] == []
        assert np.allclose(read_image(file).image[0].numpy() * 255, RAMP, atol=0.01)
    one, two = map(pydicom.dcmread, files)
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert one[keyword].value == two[keyword].value
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert (one.PatientIdentityRemoved, one.DeidentificationMethodCodeSequence[0].CodeValue) == ("YES", "113100")
    assert [float(v) for v in one.PixelSpacing] == [0.2, 0.2]
    assert float(one.KVP) == 120
    assert one.SourceImageSequence[0].ReferencedSOPInstanceUID.startswith("2.25.")
    assert not any(0x6000 <= element.tag.group <= 0x60FF for element in one)
    enhance("in/SECRET patient/SECRET1.dcm", "single/", "--deidentify")
    assert [p.name for p in (folder / "single").iterdir()] == ["image-1.dcm"]
    # Who knows the original cannot find the copy again: another call gives other names.
    enhance("in", "again", "--deidentify")
    assert pydicom.dcmread(folder / "again" / "image-1.dcm").StudyInstanceUID != one.StudyInstanceUID
