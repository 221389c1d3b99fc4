"""The wrappers that docs/wrappers.md shows hold to the contracts, with the libraries that they wrap."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from radbench.conformance.findings import Outcome
from radbench.conformance.subject import Subject
from radbench.conformance.suite import checks_of, finding
from radbench.conformance.workshop import Workshop

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```", (ROOT / "docs/wrappers.md").read_text(), re.M | re.S))


def needs(found, how):
    return pytest.mark.skipif(not found, reason=f"not installed: {how}")


def has(*libraries):
    return all(importlib.util.find_spec(library) for library in libraries)


def smoothers():
    import cv2

    return hasattr(cv2, "ximgproc")


def onnx_model(path):
    from onnx import TensorProto, helper, save

    kernel = torch.tensor([[0, -1, 0], [-1, 5.0, -1], [0, -1, 0]]).flatten().tolist()
    sizes = ["B", 1, "H", "W"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel"], ["sharp"], pads=[1, 1, 1, 1])],
        "sharpen",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("sharp", TensorProto.FLOAT, sizes)],
        [helper.make_tensor("kernel", TensorProto.FLOAT, [1, 1, 3, 3], kernel)],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, images):
        return images * self.gain


def exported_model(path):
    height, width = torch.export.Dim("height", min=1), torch.export.Dim("width", min=1)
    example = (torch.rand(1, 1, 12, 16),)
    torch.export.save(torch.export.export(Doubled(), example, dynamic_shapes=({2: height, 3: width},)), path)


ONNX = needs(has("onnx", "onnxruntime"), "pip install onnx onnxruntime")
MONAI = needs(has("monai"), "pip install monai")
CONTRIB = needs(smoothers(), "pip install opencv-contrib-python-headless in place of opencv-python-headless")
WRAPPERS = [
    pytest.param("onnx_plugin.py", "onnx[model={model}]", onnx_model, marks=ONNX),
    pytest.param("export_plugin.py", "exported[model={model}]", exported_model),
    pytest.param("filter_plugin.py", "tv", None),
    pytest.param("monai_plugin.py", "monai-unet[trained_on=phantom-lesions[patients=16],epochs=1]", None, marks=MONAI),
    pytest.param("smoother_plugin.py", "fgs", None, marks=CONTRIB),
]


@pytest.mark.parametrize(("name", "variant", "model"), WRAPPERS)
def test_a_wrapper_holds_to_the_contracts(tmp_path, name, variant, model):
    (tmp_path / name).write_text(BLOCKS[name])
    if model is not None:
        model(tmp_path / "model.pt2")
    shop = Workshop((str(tmp_path / name),), tmp_path / "shop")
    subject = Subject("enhancer", variant.format(model=tmp_path / "model.pt2"), shop)
    try:
        found = [finding(subject, check) for check in checks_of(shop.registry, "enhancer", subject.variant)]
    finally:
        sys.modules.pop(name.removesuffix(".py"), None)
    assert [one for one in found if one.outcome is Outcome.BROKEN] == []
    held = {one.check for one in found if one.outcome is Outcome.HOLDS}
    assert {"sizes", "constant", "input", "bits", "run"} <= held, found


@pytest.mark.parametrize("name", BLOCKS)
def test_a_wrapper_is_short(name):
    assert len(BLOCKS[name].splitlines()) < 60


def test_another_model_at_the_same_place_is_another_enhancer(tmp_path):
    (tmp_path / "export_plugin.py").write_text(BLOCKS["export_plugin.py"])
    identities = []
    for gain in (0.5, 0.25):
        exported_model(tmp_path / "model.pt2")
        with (tmp_path / "model.pt2").open("ab") as file:
            file.write(b"" if gain == 0.5 else b"\0")
        shop = Workshop((str(tmp_path / "export_plugin.py"),), tmp_path / "shop")
        with shop.at_work():
            identities.append(shop.part("enhancer", f"exported[model={tmp_path / 'model.pt2'}]").identity)
    sys.modules.pop("export_plugin", None)
    assert len({*identities}) == 2
