"""What each metric is called, which way is better, on which range it is taken and what an empty input scores."""

from __future__ import annotations

from dataclasses import replace

from radbench.contracts.specs import MetricSpec

BRISQUE = MetricSpec(
    "brisque",
    "lower",
    data_range=1.0,
    empty="NaN for a constant image, under 14 pixels high or wide, or without neighbour products of both signs",
)
"""LIVE release of BRISQUE (Mittal 2012)."""

LPC_SI = MetricSpec(
    "lpc_si",
    "higher",
    data_range=1.0,
    empty="0 for a constant image, NaN under 16 pixels high or wide",
)
"""Local phase coherence sharpness index (Hassen 2013)."""

PSNR = MetricSpec("psnr", "higher", data_range=1.0, empty="infinite for identical images")
"""Peak signal-to-noise ratio, dB."""

SSIM = MetricSpec("ssim", "higher", data_range=1.0, empty="NaN under 11 pixels high or wide")
"""Structural similarity (Wang 2004), 11x11 Gaussian window, not downsampled."""

MS_SSIM = MetricSpec("ms_ssim", "higher", data_range=1.0, empty="NaN under 161 pixels high or wide")
"""Multi-scale structural similarity (Wang 2003), five scales."""

MAE = MetricSpec("mae", "lower", data_range=1.0)
"""Mean absolute error."""

MSE = MetricSpec("mse", "lower", data_range=1.0)
"""Mean squared error."""

RMSE = MetricSpec("rmse", "lower", data_range=1.0)
"""Root mean squared error."""

DICE = MetricSpec("dice", "higher", empty="1 when prediction and truth are both empty, 0 when one of them is")
"""Dice similarity coefficient."""

PRECISION = MetricSpec("precision", "higher", empty="1 when prediction and truth are both empty, 0 when one of them is")
"""Share of the prediction that is true."""

RECALL = MetricSpec("recall", "higher", empty="1 when prediction and truth are both empty, 0 when one of them is")
"""Share of the truth that is predicted."""

JACCARD = MetricSpec("jaccard", "higher", empty="1 when prediction and truth are both empty, 0 when one of them is")
"""Jaccard index, intersection over union."""

HD95 = MetricSpec("hd95_px", "lower", empty="0 when both masks are empty, the image's diagonal when one of them is")
"""95th percentile Hausdorff distance of the outlines, pixels of the original image."""

ASSD = MetricSpec("assd_px", "lower", empty="0 when both masks are empty, the image's diagonal when one of them is")
"""Average symmetric surface distance, pixels of the original image."""

CNR = MetricSpec(
    "cnr",
    "higher",
    data_range=1.0,
    empty="0 for a constant image; NaN for a case without nodules, or none with a ring in the lungs",
)
"""Contrast-to-noise ratio of nodules against the ring round them, mean over the case's nodules."""

CHO_AUC = MetricSpec(
    "cho_auc",
    "higher",
    aggregation="auroc",
    empty="0.5 where the images carry nothing; a case whose lungs have no room for a nodule-free place has no part",
)
"""Area under the ROC curve of a channelized Hotelling observer, one place a case."""

CHO_2AFC = MetricSpec(
    "cho_2afc",
    "higher",
    empty="0.5 where the images carry nothing; NaN for a case without nodules or without nodule-free places",
)
"""Proportion correct in two-alternative forced choice: nodule against nodule-free places of the same image."""

CHO_SENSITIVITY = MetricSpec("cho_sensitivity", "higher", empty="NaN for a case without nodules")
"""Share of the nodules that the observer of the original images calls."""

CHO_FPR = MetricSpec("cho_fpr", "lower", empty="NaN for a case whose lungs have no room for a nodule-free place")
"""False-positive rate: share of the nodule-free places that the observer of the original images calls."""

NOISE_GAIN = MetricSpec(
    "noise_gain",
    "lower",
    data_range=1.0,
    empty="NaN where the original's flat parts have fewer than 100 pixels, as those of a constant image",
)
"""Noise over the original's, in the original's flat parts (:mod:`radbench.metrics.noise_gain`)."""

HALO = MetricSpec("halo", "lower", data_range=1.0, empty="0 for a constant enhanced image, NaN for a constant original")
"""99th percentile of the overshoot beside edges, grey levels of 255 (:mod:`radbench.metrics.halo`)."""

CLIPPED = MetricSpec("clipped", "lower", data_range=1.0)
"""Share of pixels that were driven to black or white (:mod:`radbench.metrics.clipping`)."""

GCNR = MetricSpec(
    "gcnr",
    "higher",
    empty="0 for a constant image; NaN for a case without nodules, or none with a ring in the lungs",
)
"""Generalised contrast-to-noise ratio by ranks (:mod:`radbench.metrics.rank_contrast`), mean over the nodules."""

CONTRAST_ORDER = MetricSpec(
    "contrast_order",
    "higher",
    empty="0 for a constant image; NaN for a case without nodules, or none with a ring in the lungs",
)
"""Contrast order (:mod:`radbench.metrics.rank_contrast`) of nodules against the ring round them, mean over them."""

OF_IMAGES = (BRISQUE, LPC_SI, PSNR, SSIM, MS_SSIM, MAE, MSE, RMSE)
OF_COSTS = (NOISE_GAIN, HALO, CLIPPED)
"""What enhancing an image costs, held to its original: each a function in the module that its line names."""
OF_MASKS = (DICE, JACCARD, PRECISION, RECALL, HD95, ASSD)

METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in (*OF_IMAGES, *OF_MASKS)}
"""Those that are functions of :mod:`radbench.metrics`, by name."""


def on_range(spec: MetricSpec, data_range: float) -> MetricSpec:
    """Return a metric for images in ``[0, data_range]``, under a name of its own.

    The bone paper prints its RMSE on 0-255 (PAPERS: RMSE and PSNR agree only there): ``on_range(RMSE, 255)`` is
    ``rmse_255``, so that the leaderboard never ranks it with ``rmse``.

    Raises:
        ValueError: the metric has no data range.
    """
    if spec.data_range is None:
        raise ValueError(f"metric '{spec.name}' is taken on masks: it has no data range to change")
    if data_range == spec.data_range:
        return spec
    return replace(spec, name=f"{spec.name}_{data_range:g}", data_range=float(data_range))


def in_lungs(spec: MetricSpec) -> MetricSpec:
    """Return an image metric taken over the true lung area alone, under a name of its own (``mae_lung``)."""
    empty = "; ".join(part for part in (spec.empty, "NaN for an empty lung area") if part)
    return replace(spec, name=f"{spec.name}_lung", empty=empty)


def on_lung_scale(spec: MetricSpec) -> MetricSpec:
    """Return an image metric on the lung paper's scale (:mod:`radbench.metrics.lung_scale`), as ``mae_std05``.

    There the truth's lung area has mean 0 and standard deviation 0.5, and the data range is 3.07.
    """
    empty = "; ".join(
        part for part in (spec.empty, "NaN for a lung area that is empty or constant in the truth") if part
    )
    return replace(spec, name=f"{spec.name}_std05", data_range=3.07, empty=empty)
