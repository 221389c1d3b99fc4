"""Small collections of radiographs, written as they are distributed, for the tests to load and to spoil."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from radbench.imaging.jsrt import SIDE as JSRT_SIDE

NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
NIH_2017 = NIH_HEADER + ","
"""As of 2017, every line has a comma at its end."""

NIH_QUOTED = NIH_HEADER.replace("OriginalImage[Width,Height]", '"OriginalImage[Width,Height]"').replace(
    "OriginalImagePixelSpacing[x,y]", '"OriginalImagePixelSpacing[x,y]"'
)
NIH_SAMPLE = (
    NIH_HEADER.replace("OriginalImage[Width,Height]", "OriginalImageWidth,OriginalImageHeight")
    .replace("OriginalImagePixelSpacing[x,y]", "OriginalImagePixelSpacing_x,OriginalImagePixelSpacing_y")
    .replace("Follow-up #,", "Follow-up #,")
)

CHEXPERT_LABELS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
CHEXPERT_HEADER = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEXPERT_LABELS}"


def pixels(name, side=32, columns=None, top=255, kind=np.uint8):
    """Return an image of its own for each name, without symmetry."""
    rng = np.random.default_rng(sum(map(ord, str(name))) * 7919 + len(str(name)))
    return rng.integers(0, top, size=(side, columns or side), endpoint=True).astype(kind)


def save(path, image):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


# ChestX-ray14 ----------------------------------------------------------------------------------------------------

NIH_LINES = [
    "00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,Cardiomegaly|Emphysema,1,1,58,M,AP,2894,2729,0.143,0.143",
    "00000002_000.png,No Finding,0,2,80,M,PA,2500,2048,0.171,0.171",
    "00000003_000.png,Pleural_Thickening|Mass,0,3,74,F,PA,2500,2048,0.168,0.168",
    "00000004_000.png,Nodule,0,4,81,F,PA,2048,2500,0.168,0.168",
    "00000004_001.png,Infiltration|Nodule,1,4,82,F,PA,2048,2500,0.168,0.168",
    "00000005_000.png,No Finding,0,5,69,F,PA,2048,2500,0.168,0.168",
]
NIH_TEST = ("00000004_000.png", "00000004_001.png")
NIH_BOXES = [
    "00000004_000.png,Nodule,512.0,256.0,128.0,64.0",
    "00000004_001.png,Infiltrate,0.0,0.0,100.0,200.0",
    "00000004_001.png,Nodule,10.5,20.5,30.0,40.0",
]
NIH_BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def nih(root, *, lines=NIH_LINES, header=NIH_HEADER, table="Data_Entry_2017.csv", side=32, ends="\n", bom=""):
    """Write ChestX-ray14: patient 4 is the official test list."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / table).write_bytes((bom + ends.join([header, *lines]) + ends).encode())
    names = [line.split(",")[0] for line in lines]
    nih_lists(root, [n for n in names if n not in NIH_TEST], NIH_TEST)
    (root / "BBox_List_2017.csv").write_text("\n".join([NIH_BOX_HEADER, *NIH_BOXES]) + "\n")
    for i, name in enumerate(dict.fromkeys(names)):
        save(root / f"images_{i % 2 + 1:03d}" / "images" / name, pixels(name, side))
    return root


def nih_lists(root, train, test):
    (root / "train_val_list.txt").write_text("".join(f"{n}\n" for n in train))
    (root / "test_list.txt").write_text("".join(f"{n}\n" for n in test))


def nih_path(root, name):
    return next(root.glob(f"**/{name}"))


# CheXpert --------------------------------------------------------------------------------------------------------


def chexpert_line(
    path, labels=None, view="Frontal", projection="AP", sex="Male", age=60, prefix="CheXpert-v1.0-small/"
):
    named = dict.fromkeys(CHEXPERT_LABELS.split(","), "") | (labels or {})
    return [prefix + path, sex, age, view, projection, *named.values()]


def chexpert(root, *, small=True, below=False, bom=""):
    """Write CheXpert: six patients to train on, two in valid.csv, one in test_labels.csv."""
    root = Path(root) / ("CheXpert-v1.0-small" if below else "")
    prefix = "CheXpert-v1.0-small/" if small else "CheXpert-v1.0/"
    train = []
    for n in range(1, 7):
        base = f"train/patient{n:05d}/study1"
        labels = {"Edema": "-1.0", "Pleural Effusion": "1.0", "Fracture": "0.0"} if n == 1 else {"No Finding": "1.0"}
        train.append(chexpert_line(f"{base}/view1_frontal.jpg", labels, prefix=prefix))
        train.append(chexpert_line(f"{base}/view2_lateral.jpg", labels, "Lateral", "", prefix=prefix))
    full = dict.fromkeys(CHEXPERT_LABELS.split(","), "0.0")
    valid = [
        chexpert_line(
            f"valid/patient{n}/study1/view1_frontal.jpg", full | {"Edema": "1.0"}, projection="PA", prefix=prefix
        )
        for n in (64541, 64542)
    ]
    chexpert_table(root / "train.csv", train, bom=bom)
    chexpert_table(root / "valid.csv", valid)
    names = [n for n in CHEXPERT_LABELS.split(",") if n != "No Finding"]
    test = "test/patient64741/study1/view1_frontal.jpg"
    (root / "test_labels.csv").write_text(",".join(["Path", *names]) + "\n" + ",".join([test, *["1.0"] * 13]) + "\n")
    for line in [*train, *valid, [test]]:
        name = str(line[0]).removeprefix(prefix)
        save(root / name, pixels(name, 40, 32))
    return root


def chexpert_table(path, lines, header=CHEXPERT_HEADER, bom=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(bom)
        csv.writer(file).writerows([header.split(","), *lines])


# JSRT ------------------------------------------------------------------------------------------------------------

JSRT_NODULES = {
    "JPCLN001": "5\t15\t53\tFemale\t1634\t692\tmalignant\tl.upper lobe\tlung cancer",
    "JPCLN002": "1\t35\t?\tMale\t300\t1500\tbenign\tr.lower lobe\thamartoma",
}
JSRT_OTHERS = {"JPCNN001": "63\tFemale\tnon-nodule", "JPCNN002": "45\tMale\tnon-nodule"}


def jsrt(root, *, raw=("JPCLN001",), converted=(), ends="\r\n", scr=True):
    """Write JSRT's database with its tables, and SCR's outlines of four radiographs."""
    root = Path(root)
    (root / "Clinical_Information").mkdir(parents=True)
    nodules = ends.join(f"{name}.IMG\t{rest}" for name, rest in JSRT_NODULES.items()) + ends
    others = ends.join(f"{name}.IMG\t{rest}" for name, rest in JSRT_OTHERS.items()) + ends
    (root / "Clinical_Information" / "CLNDAT_EN.txt").write_bytes(nodules.encode())
    (root / "Clinical_Information" / "CNNDAT_EN.TXT").write_bytes(others.encode())
    for name in raw:
        path = root / "All247images" / f"{name}.IMG"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(jsrt_values(name).astype(">u2").tobytes())
    for name in converted:
        save(root / "images" / f"{name}.png", pixels(name, 64))
    if scr:
        for name in (*JSRT_NODULES, *JSRT_OTHERS):
            for structure in ("left lung", "right lung", "heart", "left clavicle", "right clavicle"):
                fold = "fold1" if int(name[-1]) % 2 else "fold2"
                save(root / "scratch" / fold / "masks" / structure / f"{name}.gif", outline(structure))
    return root


def jsrt_values(name):
    """Return optical density, 12 bits: a ramp with a number of its own."""
    rows = np.arange(JSRT_SIDE, dtype=np.uint32)
    return ((rows[:, None] + 2 * rows[None]) % 4000 + int(name[-1])).astype(np.uint16)


def outline(structure, side=1024):
    """Return a mask ``[side,side]`` of SCR; the right lung lies on the left of the image."""
    left, right = {
        "right lung": (100, 400),
        "left lung": (640, 920),
        "heart": (400, 640),
        "left clavicle": (600, 800),
        "right clavicle": (200, 400),
    }[structure]
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : 3 * side // 4, left * side // 1024 : right * side // 1024] = 255
    return mask


# TBX11K ----------------------------------------------------------------------------------------------------------

TBX_TRAIN = ("health/h0001.png", "health/h0002.png", "sick/s0001.png", "tb/tb0001.png", "tb/tb0002.png")
TBX_VAL = ("health/h0100.png", "sick/s0100.png", "tb/tb0100.png")
TBX_BOXES = {
    "tb/tb0001.png": [("ActiveTuberculosis", (8, 16, 24, 12))],
    "tb/tb0100.png": [
        ("ActiveTuberculosis", (1.5, 2.5, 10, 20)),
        ("ObsoletePulmonaryTuberculosis", (30, 30, 20, 10)),
    ],
}
TBX_CATEGORIES = ("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis")


def tbx11k(root, *, side=64, prefix=""):
    """Write TBX11K: tb0002 has no box; the images of test and extra are in no list of it."""
    root = Path(root)
    for name, names in (("train", TBX_TRAIN), ("val", TBX_VAL)):
        path = root / "lists" / f"TBX11K_{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{prefix}{n}\n" for n in names))
        tbx_json(root / "annotations" / "json" / f"TBX11K_{name}.json", names, side)
    for n in (*TBX_TRAIN, *TBX_VAL, "test/test0001.png", "extra/montgomery/MCUCXR_0001_0.png"):
        grey = pixels(n, side)
        save(root / "imgs" / n, np.stack([grey] * 3, axis=-1))
    return root


def tbx_json(path, names, side):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": i, "file_name": n, "width": side, "height": side} for i, n in enumerate(names)]
    marks = [
        {"id": 0, "image_id": i, "category_id": TBX_CATEGORIES.index(c) + 1, "bbox": list(b)}
        for i, n in enumerate(names)
        for c, b in TBX_BOXES.get(n, [])
    ]
    categories = [{"id": i + 1, "name": n} for i, n in enumerate(TBX_CATEGORIES)]
    path.write_text(json.dumps({"images": images, "annotations": marks, "categories": categories}))


def tbx_xml(root, name, boxes, side):
    """Write a VOC file: pixels count from 1, in those of the original radiograph."""
    marks = "".join(
        f"<object><name>{c}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{d}</xmax><ymax>{e}</ymax></bndbox>"
        "</object>"
        for c, (a, b, d, e) in boxes
    )
    path = root / "annotations" / "xml" / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><size><width>{side}</width><height>{side}</height><depth>3</depth></size>{marks}</annotation>"
    )
