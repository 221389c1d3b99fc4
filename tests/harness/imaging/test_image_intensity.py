"""Windows and tables against DICOM's formulas as pydicom implements them, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.pixels import apply_windowing

from radbench.contracts import CaseError
from radbench.imaging import LookUpTable, Window, unwindow_hu, window_hu


def test_window_maps_its_ends_to_black_and_white_and_clips_beyond() -> None:
    hu = torch.tensor([-2000.0, -160.0, 40.0, 240.0, 3000.0])
    assert window_hu(hu, -160, 240).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_window_of_an_array_is_that_of_a_tensor() -> None:
    hu = np.random.default_rng(0).normal(0, 500, (7, 9)).astype(np.float32)
    assert np.array_equal(window_hu(hu, -100, 300), window_hu(torch.from_numpy(hu), -100, 300).numpy())


@given(st.floats(-1000, 3000), st.floats(-1200, 0), st.floats(1, 4000))
def test_unwindow_undoes_window_inside_it(value: float, low: float, width: float) -> None:
    inside = torch.tensor([min(max(value, low), low + width)])
    back = unwindow_hu(window_hu(inside, low, low + width), low, low + width)
    assert back.item() == pytest.approx(inside.item(), abs=1e-3)


def test_window_upside_down_is_refused() -> None:
    with pytest.raises(CaseError, match="low < high"):
        window_hu(torch.zeros(3), 10, 10)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@given(centre=st.floats(-500, 500), width=st.floats(2, 3000))
def test_window_functions_are_those_of_dicom(function: str, centre: float, width: float) -> None:
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.PixelRepresentation, dataset.BitsStored = "MONOCHROME2", 1, 16
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = f"{centre:.6g}", f"{width:.6g}", function
    values = np.arange(-2000, 2000, 7, dtype=np.int16)
    with np.errstate(over="ignore"):
        truth = (apply_windowing(values, dataset) + 32768) / 65535
    window = Window(float(dataset.WindowCenter), float(dataset.WindowWidth), function, "")  # type: ignore[arg-type]
    assert np.allclose(window.apply(values), truth, atol=1e-9)


def test_linear_window_of_width_one_is_a_step() -> None:
    # PS3.3 C.11.2.1.2.1: at or below c - 0.5 black, above it white.
    window = Window(10, 1, "LINEAR", "")
    assert window.apply(np.array([9.0, 9.5, 9.6, 10.0])).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("width", "function"), [(0.5, "LINEAR"), (0, "LINEAR_EXACT"), (-5, "SIGMOID")])
def test_window_too_narrow_for_its_function_has_a_fault(width: float, function: str) -> None:
    assert "too small" in Window(0, width, function, "").fault()  # type: ignore[arg-type]


def test_table_takes_values_outside_it_to_its_ends() -> None:
    table = LookUpTable(-2, np.array([0, 100, 200, 255]), 8, "")
    assert (table.apply(np.array([-9, -2, -1, 1, 50])) * 255).tolist() == [0, 0, 100, 255, 255]


def test_table_with_entries_beyond_its_depth_has_a_fault() -> None:
    assert "beyond its 8 bits" in LookUpTable(0, np.array([0, 256]), 8, "").fault()
