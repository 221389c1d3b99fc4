"""Poses: two share a key where they are the same to the last bit, and only then."""

from collections import namedtuple
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from radbench.contracts import PluginError
from radbench.engine.plan.poses import exactly, why_indistinct
from radbench.xray import Pose

View = namedtuple("View", "angle")


class Side(Enum):
    LEFT = 1


@dataclass(frozen=True)
class Turn:
    matrix: object
    name: str = "turn"

    def __repr__(self):
        return "a turn"


@pytest.mark.parametrize("pose", [Pose(), Pose(30, -0.1), Pose(0.1 + 0.2, 1e-9), 0.0, 4, "left"])
def test_what_was_kept_under_these_poses_stays(pose):
    assert exactly(pose) == repr(pose)


def test_the_text_of_a_pose_of_the_projector():
    assert exactly(Pose(30.0, -0.1)) == "Pose(azimuth_deg=30.0, elevation_deg=-0.1)"


EQUAL = [
    lambda: torch.tensor([0.123456, 1.0]),
    lambda: np.arange(3000.0),
    lambda: torch.ones(2, dtype=torch.bfloat16).requires_grad_(),
    lambda: Turn(torch.eye(3)),
    lambda: {"b": [1.0], "a": (torch.zeros(()), None)},
    lambda: View({Side.LEFT, 2}),
    lambda: np.bool_(True),
]


@pytest.mark.parametrize("make", EQUAL)
def test_equal_values_have_one_text(make):
    assert exactly(make()) == exactly(make())


PAIRS = [
    (torch.tensor([0.1234561]), torch.tensor([0.1234562])),
    (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
    (torch.zeros(2, 3), torch.zeros(3, 2)),
    (np.arange(3000.0), np.where(np.arange(3000) == 1500, -1.0, np.arange(3000.0))),
    (np.zeros(2), torch.zeros(2, dtype=torch.float64)),
    (Turn(torch.tensor([1.0])), Turn(torch.tensor([1.0 + 1e-6]))),
    (Turn(1.0), Turn(1.0, "back")),
    (Pose(torch.tensor(0.1234561)), Pose(torch.tensor(0.1234562))),
    ([1.0, 2.0], [2.0, 1.0]),
    ([1.0], (1.0,)),
    ({"a": 1.0}, {"a": 2.0}),
    (View(1.0), (1.0,)),
    (1, 1.0),
    ("1", 1),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_differs_in_anything_has_another_text(one, other):
    assert exactly(one) != exactly(other)


@pytest.mark.parametrize("pose", [object(), lambda x: x, np.array([{}]), Turn(SimpleNamespace(angle=1.0)), [object()]])
def test_what_nobody_can_tell_apart_is_refused_with_a_sentence(pose):
    with pytest.raises(
        PluginError, match=r"^a pose holds a value of the type \S+, which nobody can tell from another: "
    ):
        exactly(pose)
    assert why_indistinct([0.0, pose]).startswith("a pose holds")
    assert why_indistinct([0.0]) == ""
