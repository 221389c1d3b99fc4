"""Attenuation tables against NIST's and the papers' figures, and the two density lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radbench.xray.attenuation import MATERIALS, Spectrum, attenuation_table, mass_attenuation, spectrum, ten_energies
from radbench.xray.materials import bone_mask_from_hu, bone_share_from_hu, density_from_hu

# PAPERS.md section 4, as printed there.
PRINTED = {
    "bone": (9.032, 2.738, 1.230, 0.707, 0.481, 0.363, 0.297, 0.257, 0.226, 0.208),
    "tissue": (1.699, 0.630, 0.364, 0.277, 0.237, 0.215, 0.201, 0.191, 0.183, 0.177),
}


def test_ten_energies_run_from_15_to_87_kev_in_steps_of_8():
    assert attenuation_table("ct2xray").energies_kev == tuple(range(15, 88, 8))


@pytest.mark.parametrize("material", ["bone", "tissue"])
def test_ten_coefficients_are_those_printed(material):
    assert attenuation_table("ct2xray").coefficients[material] == PRINTED[material]


@pytest.mark.parametrize("material", MATERIALS)
def test_ten_coefficients_follow_from_nists_table_to_their_three_decimals(material):
    table = attenuation_table("ct2xray")
    assert mass_attenuation(material, table.energies_kev) == pytest.approx(table.coefficients[material], abs=5.1e-4)


@pytest.mark.parametrize("material", MATERIALS)
def test_interpolation_keeps_the_table_at_its_energies(material):
    table = attenuation_table("nist")
    assert mass_attenuation(material, table.energies_kev) == pytest.approx(table.coefficients[material], rel=1e-12)


@pytest.mark.parametrize("material", MATERIALS)
def test_interpolation_is_linear_in_logarithms(material):
    middle = mass_attenuation(material, [math.sqrt(20 * 30)])[0]
    low, high = mass_attenuation(material, [20, 30])
    assert middle == pytest.approx(math.sqrt(low * high), rel=1e-12)


@pytest.mark.parametrize("material", MATERIALS)
def test_attenuation_falls_with_energy(material):
    assert (np.diff(mass_attenuation(material, np.linspace(10, 150, 200))) < 0).all()


def test_water_is_close_to_soft_tissue_and_bone_attenuates_most_below_100_kev():
    energies = np.linspace(10, 100, 60)
    bone, tissue, water = (np.array(mass_attenuation(m, energies)) for m in MATERIALS)
    assert (bone > tissue).all()
    assert np.abs(tissue / water - 1).max() < 0.02


def test_water_at_70_kev_has_the_linear_attenuation_that_ct_is_scaled_by():
    # 0.193 per cm at 70 keV, the effective energy of a 120 kVp beam (XCOM).
    assert mass_attenuation("water", [70])[0] == pytest.approx(0.193, rel=0.01)


@pytest.mark.parametrize("name", ["nist", "ct2xray"])
def test_tables_name_their_source(name):
    assert "NIST" in attenuation_table(name).source
    assert set(attenuation_table(name).coefficients) == set(MATERIALS)


def test_unknown_names_and_energies_are_refused_in_words():
    with pytest.raises(ValueError, match="no attenuation table 'icru'"):
        attenuation_table("icru")
    with pytest.raises(ValueError, match="no material 'steel'"):
        mass_attenuation("steel", [50])
    with pytest.raises(ValueError, match="10 to 150 keV; got 9"):
        mass_attenuation("bone", [9])


def test_the_papers_spectrum_has_ten_unit_weights():
    beam = ten_energies()
    assert beam.weights == (1.0,) * 10
    assert beam.total == 10
    assert (beam.bone, beam.tissue) == (PRINTED["bone"], PRINTED["tissue"])


def test_a_spectrum_of_ones_own_takes_its_coefficients_from_the_table():
    beam = spectrum([60, 80], [3, 1])
    assert beam.bone == pytest.approx((0.3148, 0.2229))
    assert beam.tissue == pytest.approx((0.2048, 0.1823))
    assert beam.total == 4


@pytest.mark.parametrize(
    "columns", [((), (), (), ()), ((60.0,), (1.0, 1.0), (0.3,), (0.2,)), ((60.0,), (0.0,), (0.3,), (0.2,))]
)
def test_a_spectrum_that_is_empty_uneven_or_not_positive_is_refused(columns):
    with pytest.raises(ValueError, match="spectrum"):
        Spectrum(*columns)


@pytest.mark.parametrize(
    ("hu", "density"), [(-1100, 0.0), (-1000, 0.001), (-500, 0.5155), (0, 1.03), (400, 1.26544), (1500, 1.9129)]
)
def test_deepdrrs_density_takes_the_steeper_line_below_water_and_the_flatter_above(hu, density):
    assert density_from_hu(torch.tensor(float(hu), dtype=torch.float64)).item() == pytest.approx(density, abs=1e-9)


@pytest.mark.parametrize(("hu", "density"), [(-1000, 0.2212), (0, 1.03), (1000, 1.8388)])
def test_the_authors_density_is_one_line_that_leaves_weight_in_air(hu, density):
    found = density_from_hu(torch.tensor(float(hu), dtype=torch.float64), "xraysyn")
    assert found.item() == pytest.approx(density, abs=1e-9)


@given(st.floats(-2000, 4000), st.floats(-2000, 4000))
def test_density_never_falls_with_hu_and_is_never_negative(one, other):
    low, high = density_from_hu(torch.tensor(sorted([one, other]), dtype=torch.float64)).tolist()
    assert 0 <= low <= high


def test_an_unknown_density_model_is_refused():
    with pytest.raises(ValueError, match="no density model 'linear'; there is deepdrr, xraysyn"):
        density_from_hu(torch.zeros(1), "linear")


def test_bone_is_above_the_threshold_and_not_at_it():
    hu = torch.tensor([-1000.0, 349.0, 350.0, 351.0, 1500.0])
    assert bone_mask_from_hu(hu).tolist() == [0, 0, 0, 1, 1]
    assert bone_mask_from_hu(hu, threshold=300).tolist() == [0, 1, 1, 1, 1]


def test_the_share_of_bone_rises_continuously_from_tissue_to_compact_bone():
    hu = torch.arange(-1000.0, 3000.0)
    share = bone_share_from_hu(hu)
    assert (share[hu <= 50] == 0).all()
    assert (share[hu >= 1100] > 1 - 1e-6).all()
    assert (share.diff() > -1e-6).all()
    assert share.diff().max() < 0.003


@given(st.floats(0, 1), st.floats(50, 1100), st.floats(50, 1100))
def test_voxels_that_share_a_bone_hold_as_much_of_it_as_one_that_has_it_all(part, bone, tissue):
    def mass(hu: float) -> float:
        at = torch.tensor(hu, dtype=torch.float64)
        return float(bone_share_from_hu(at) * density_from_hu(at))

    assert mass(part * bone + (1 - part) * tissue) == pytest.approx(
        part * mass(bone) + (1 - part) * mass(tissue), abs=1e-6
    )


@pytest.mark.parametrize(("tissue", "bone"), [(50.0, 50.0), (-10.0, 900.0)])
def test_a_mixture_without_ends_is_refused(tissue, bone):
    with pytest.raises(ValueError, match="tissue_hu"):
        bone_share_from_hu(torch.zeros(2), tissue_hu=tissue, bone_hu=bone)
