"""Resampling: canonical patients, draws that depend on seed and patients alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from radbench.stats import resampled_counts
from radbench.stats.resampling import draw_patients, patient_counts, patient_index


def all_counts(n_cases, patients=None, replicates=50, seed=0, chunk=None):
    return np.concatenate(list(resampled_counts(n_cases, patients, replicates, seed, chunk)))


def test_each_replicate_draws_as_many_patients_as_there_are():
    assert (all_counts(17).sum(axis=1) == 17).all()


def test_all_cases_of_a_patient_are_drawn_together():
    patients = ["b", "a", "b", "c", "a", "b"]
    counts = all_counts(6, patients)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 0] == counts[:, 5]).all()
    assert (counts[:, 1] == counts[:, 4]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


@given(st.permutations(range(6)))
def test_the_order_of_the_cases_changes_no_resample(order):
    patients = ["b", "a", "b", "c", "a", "b"]
    shuffled = all_counts(6, [patients[i] for i in order], 20)
    assert np.array_equal(shuffled, all_counts(6, patients, 20)[:, list(order)])


@pytest.mark.parametrize("n_patients", [1, 2, 7, 100, 101])
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_draws_do_not_depend_on_the_chunk(n_patients, chunk):
    whole = np.concatenate(list(draw_patients(n_patients, 11, 5)))
    assert np.array_equal(np.concatenate(list(draw_patients(n_patients, 11, 5, chunk))), whole)


def test_fewer_replicates_are_the_first_of_more():
    assert np.array_equal(all_counts(9, replicates=5), all_counts(9, replicates=50)[:5])


def test_another_seed_gives_other_resamples():
    assert not np.array_equal(all_counts(9, seed=0), all_counts(9, seed=1))


def test_draws_are_pinned_to_the_bits_of_pcg64():
    bits = np.random.PCG64(3).random_raw(3)
    halves = [int(b) >> shift & 0xFFFFFFFF for b in bits for shift in (0, 32)]
    expected = [(h * 5) >> 32 for h in halves[:5]]
    assert next(draw_patients(5, 1, 3))[0].tolist() == expected


def test_patients_are_drawn_uniformly():
    drawn = np.concatenate(list(draw_patients(12, 5000, 0)))
    assert chisquare(np.bincount(drawn.ravel(), minlength=12)).pvalue > 1e-3


def test_patients_are_compared_as_text():
    index, n = patient_index([1, "1", 2], 3)
    assert n == 2
    assert index.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "no cases"),
        ((3, ["a"]), "1 patients for 3 cases"),
        ((2, ["a", None]), "None"),
        ((3, None, 0), "replicates"),
        ((3, None, 5, -1), "seed"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, words):
    with pytest.raises(ValueError, match=words):
        next(resampled_counts(*arguments))


@pytest.mark.parametrize("n_patients", [7, 3000])
@pytest.mark.parametrize("kind", [np.intp, np.float32])
def test_counts_are_how_often_each_patient_is_drawn(n_patients, kind):
    drawn = np.concatenate(list(draw_patients(n_patients, 5, 1, 2)))
    counts = np.concatenate(list(patient_counts(n_patients, 5, 1, 2, kind)))
    assert counts.dtype == kind
    for row, found in zip(drawn, counts, strict=True):
        patients, times = np.unique(row, return_counts=True)
        assert found[patients].tolist() == times.tolist()
        assert found.sum() == n_patients
