"""What each metric is called, which way is better, on which range it is taken and which version of it this is."""

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

METRICS: dict[str, MetricSpec] = {
    spec.name: spec for spec in (BRISQUE, LPC_SI, PSNR, SSIM, MS_SSIM, MAE, MSE, RMSE, DICE, PRECISION, RECALL)
}
"""All of them by name."""


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
