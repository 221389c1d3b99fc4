"""The classifier's training: its loss by hand, unknown labels, rates that fall, and augmentation."""

from __future__ import annotations

import math

import pytest
import torch

from radbench.contracts.errors import DatasetError
from radbench.contracts.learning import FitContext
from radbench.learn.feeding import ListLessons
from radbench_cad.config import CADConfig
from radbench_cad.network import Classifier
from radbench_cad.training import augmentation_of, finding_loss, share_of_positives, train

NAN = math.nan


class TrainAndValidation:
    def __init__(self, train, validation):
        self.train, self.validation = ListLessons(train), ListLessons(validation)


def lesson(*labels, grey=0):
    image = torch.full((1, 64, 64), grey, dtype=torch.int32).to(torch.uint16)
    return {"image": image, "findings": torch.tensor(labels)}


def test_the_loss_is_the_cross_entropy_of_what_is_stated():
    logits = torch.tensor([[0.5, -2.0], [1.0, 3.0]])
    labels = torch.tensor([[1.0, 0.0], [NAN, 0.0]])
    first = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-2.0))) / 2
    second = math.log1p(math.exp(3.0))
    torch.testing.assert_close(finding_loss(logits, labels), torch.tensor([first, second]))


def test_what_is_not_stated_moves_nothing():
    logits = torch.tensor([[0.5, -2.0]], requires_grad=True)
    finding_loss(logits, torch.tensor([[1.0, NAN]])).sum().backward()
    assert float(logits.grad[0, 1]) == 0.0
    assert float(logits.grad[0, 0]) < 0


def test_balanced_weights_make_both_classes_count_alike():
    shares = torch.tensor([0.2])
    positive = finding_loss(torch.zeros(1, 1), torch.ones(1, 1), shares)
    negative = finding_loss(torch.zeros(1, 1), torch.zeros(1, 1), shares)
    # Eight negatives and two positives: equal sums.
    torch.testing.assert_close(2 * positive, 8 * negative)


def test_shares_are_counted_over_what_is_stated():
    given = ListLessons([lesson(1.0, 0.0), lesson(0.0, NAN), lesson(0.0, 1.0), lesson(NAN, 1.0)])
    found = share_of_positives(given, ("mass", "nodule"), every=True)
    torch.testing.assert_close(found, torch.tensor([1 / 3, 2 / 3]))
    alike = share_of_positives(ListLessons([lesson(1.0, 0.0), lesson(0.0, 0.0)]), ("mass",), every=True)
    assert alike.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("labels", "text"), [((0.0, 0.0), "in none"), ((1.0, 1.0), "in every one"), ((NAN, NAN), "stated of none")]
)
def test_a_finding_that_does_not_differ_is_named(labels, text):
    given = ListLessons([lesson(labels[0], 0.0), lesson(labels[1], 1.0)])
    with pytest.raises(DatasetError, match=f"'mass' is {text}"):
        share_of_positives(given, ("mass", "nodule"), every=False)


def test_a_train_split_that_states_nothing_is_named():
    with pytest.raises(DatasetError, match="states any of mass, nodule"):
        share_of_positives(ListLessons([]), ("mass", "nodule"), every=False)


def trained(tmp_path, **settings):
    """Train on greys that tell the finding, and return the network, the curves' files and their rates."""
    config = CADConfig(findings=("mass",), others=(), size=64, backbone="test_resnet", pretrained=False, **settings)
    made = [lesson(float(i % 2), grey=60000 if i % 2 else 5000) for i in range(8)]
    for name in ("work", "beside"):
        (tmp_path / name).mkdir(exist_ok=True)
    context = FitContext("cpu", 0, tmp_path / "work", tmp_path / "beside", lambda done, total, text: None)
    network = Classifier(config.backbone, 1, seed=0)
    train(network, TrainAndValidation(made, made[:4]), config, torch.tensor([0.5]), context)
    return network, sorted(file.name for file in (tmp_path / "beside").iterdir())


def test_a_plateau_drops_the_rate_and_keeps_the_best_weights(tmp_path):
    network, files = trained(
        tmp_path, schedule="plateau", patience=1, drops=2, epochs=12, batch_size=4, learning_rate=0.05
    )
    assert files[0] == "classifier-rate-1.curve.csv"
    assert 1 < len(files) <= 3
    curves = [(tmp_path / "beside" / file).read_text().splitlines() for file in files]
    header = curves[0][0].split(",")
    losses = [float(row.split(",")[header.index("validation_loss")]) for curve in curves for row in curve[1:]]
    rates = [float(row.split(",")[header.index("learning_rate")]) for curve in curves for row in curve[1:]]
    assert len(losses) <= 12
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(rates[-1] * 10 ** (len(files) - 1))
    images = torch.stack([torch.full((1, 64, 64), grey / 65535) for grey in (5000, 60000, 5000, 60000)])
    with torch.no_grad():
        found = finding_loss(network(images), torch.tensor([[0.0], [1.0], [0.0], [1.0]])).mean()
    assert float(found) == pytest.approx(min(losses), abs=1e-4)


def test_a_cosine_is_one_training(tmp_path):
    _, files = trained(tmp_path, schedule="cosine", epochs=2, batch_size=4)
    assert files == ["classifier.curve.csv"]


def test_without_movements_there_is_no_augmentation():
    assert augmentation_of(CADConfig(flip=0.0, crop=0.0)) is None
    assert augmentation_of(CADConfig()) is not None
