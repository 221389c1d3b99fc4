"""Studies for the tests: small images, a key, pages, and files of answers as a page writes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radbench.reader_study.answers import COLUMNS, check_of
from radbench.reader_study.designs import make_design
from radbench.reader_study.key import Key, ReadCase, write_key
from radbench.reader_study.making import ANSWERS, READERS
from radbench.reader_study.page import page_of
from radbench.reader_study.pixels import grey_levels, pack
from radbench.reader_study.schedule import drawing, token, trials_of

ENHANCERS = ("fattal", "madmad", "guided-unet")


def made_key(
    design="ranking",
    enhancers=ENHANCERS,
    cases=8,
    readers=2,
    repeats=0,
    seed="a seed",
    reference="original",
    positive=lambda k: k % 2 == 0,
    patient=lambda k: f"patient {k}",
    **asked,
):
    """Return a key of made-up cases."""
    finding = "nodule_mask" if design == "detection" else ""
    reference = reference if design == "ranking" else ""
    draws = drawing(seed, "names")
    read = {
        token(draws, "c"): ReadCase(
            case_id=f"secret-case-{k}",
            patient_id=patient(k),
            digest=f"{k:016x}",
            images={name: token(draws, "i") for name in enhancers},
            reference=token(draws, "i") if reference else "",
            positive=bool(positive(k)) if finding else None,
        )
        for k in range(cases)
    }
    shown = {name: [*case.images.values()] for name, case in read.items()}
    return Key(
        design=make_design(design, len(enhancers), finding=finding, **asked),
        title='Chest <radiographs> & "spines"',
        seed=seed,
        enhancers=enhancers,
        identities={name: "0" * 16 for name in (*enhancers, reference) if name},
        reference=reference,
        reference_name="Original" if reference else "",
        dataset="secret-data",
        fingerprint="f" * 64,
        plan="p" * 64,
        radbench="0.2.0",
        cases=read,
        readers={n: tuple(trials_of(design, shown, repeats, seed, n)) for n in range(1, readers + 1)},
        salt="5a17",
    )


def made_images(key, shape=(48, 40)):
    """Return each image of a key, float32 in [0,1], by token."""
    draws = np.random.default_rng(0)
    tokens = [t for c in key.cases.values() for t in (*c.images.values(), c.reference) if t]
    return {name: draws.random(shape, dtype=np.float32) for name in tokens}


def made_folder(folder, key, images=None, bits=16):
    """Write a study's folder."""
    packed = {name: pack(grey_levels(x, bits), bits) for name, x in (images or made_images(key)).items()}
    write_key(folder, key)
    for name in (READERS, ANSWERS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in key.readers:
        (folder / READERS / f"reader-{number}.html").write_text(page_of(key, number, packed), encoding="utf-8")
    return folder


def lines_of(key, reader, say, trials=None, at=1_700_000_000):
    """Return the lines of a file of answers.

    Args:
        say: gives the answer to (case's place, enhancer, whether it is a repeat).
        trials: how many were answered.
    """
    place = {name: k for k, name in enumerate(key.cases)}
    lines = [",".join(COLUMNS)]
    for k, trial in enumerate(key.readers[reader][:trials]):
        for image in trial.images:
            said = say(place[trial.case], key.image_of[image][1], bool(trial.repeats))
            cells = [key.study, str(reader), trial.token, image, f"{said:g}", "2500", str(at + k)]
            lines.append(",".join([*cells, check_of(cells)]))
    return lines


def write_answers(folder, key, reader, say, trials=None, name=None, at=1_700_000_000):
    """Write a file of answers into a study's folder."""
    file = folder / ANSWERS / (name or f"answers-reader-{reader}.csv")
    file.write_bytes("\r\n".join([*lines_of(key, reader, say, trials, at), ""]).encode())
    return file


def with_readers(key, number):
    """Return a key with the first readers alone."""
    return replace(key, readers={n: key.readers[n] for n in range(1, number + 1)})
