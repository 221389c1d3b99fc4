"""The task cad on ChestX-ray14 as it is distributed: the official test list is scored, unknown findings have no say."""

from __future__ import annotations

import pytest

import radbench

from . import made_collections as made

TASK = "cad[size=64,backbone=test_resnet,pretrained=false,epochs=1,batch_size=4,schedule=cosine]"


@pytest.fixture
def root(tmp_path):
    """Twelve patients to learn from, with and without a mass and a nodule, and five in the official test list."""
    lines = []
    for n in range(1, 18):
        label = ("Mass", "Nodule", "Mass|Effusion", "No Finding")[n % 4]
        lines.append(f"{n:08d}_000.png,{label},0,{n},60,F,PA,2500,2048,0.168,0.168")
    root = made.nih(tmp_path / "nih", lines=lines, side=80)
    names = [line.split(",")[0] for line in lines]
    made.nih_lists(root, names[:12], names[12:])
    (root / "BBox_List_2017.csv").unlink()
    return root


def test_a_row_names_licence_citation_and_each_finding(root, tmp_path):
    frame = radbench.run(
        "original",
        TASK,
        f"nih-cxr14[root={root},pixels=none,validation=0.4,size=64]",
        device="cpu",
        out=tmp_path / "run",
        debug=True,
    )
    assert set(frame["status"]) == {"ok"}
    rows = frame[frame["metric"] == "ap"]
    assert set(rows["facet"].fillna("")) == {"", "mass", "nodule"}
    assert set(rows["n_cases"]) == {5}
    assert "NIH" in rows["licence"].iloc[0]
    assert "ChestX-ray8" in rows["citation"].iloc[0]
    assert str(root) not in frame.to_csv()
