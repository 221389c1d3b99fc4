"""Findings of the lungs and the pleura, painted where they grow, each with its mask."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.findings import Finding
from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import diaphragm_height, lobe_of, lung_distance
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import along_curve, joined, stamp

At = tuple[Tensor, Tensor, Tensor]
_LESION_HU = {"solid": 35.0, "part-solid": -560.0, "ground-glass": -610.0, "calcified": 620.0}


def site_of(finding: Finding, traits: Traits) -> Points:
    """Return where a focal finding sits: a place in the lung (z, y, x mm), deep enough for its size."""
    rng = np.random.default_rng(finding.seed)
    places = rng.uniform([-140, -110, 10], [125, 105, 130], (3000, 3))
    places[:, 2] *= finding.side
    places = traits.place(places)
    x, y, z = (torch.from_numpy(places[:, i].astype(np.float32)) for i in (2, 1, 0))
    depth = -lung_distance((x, y, z), traits).numpy()
    wanted = 0.35 * finding.size + 2.0 if finding.name in {"nodule", "mass", "granuloma"} else 12.0
    ok = depth > wanted
    if finding.name == "consolidation":
        lobe = lobe_of((x, y, z), traits).numpy()
        left = {"lower": Anatomy.LUNG_LOWER_LEFT, "upper": Anatomy.LUNG_UPPER_LEFT, "middle": Anatomy.LUNG_UPPER_LEFT}
        right = {
            "lower": Anatomy.LUNG_LOWER_RIGHT,
            "upper": Anatomy.LUNG_UPPER_RIGHT,
            "middle": Anatomy.LUNG_MIDDLE_RIGHT,
        }
        named = ok & (lobe == int((left if finding.side > 0 else right)[finding.kind]))
        ok = named if named.any() else ok
    if finding.name == "atelectasis":
        low = ok & (places[:, 0] < np.quantile(places[ok, 0], 0.35))
        ok = low if low.any() else ok
    return np.asarray(places[np.argmax(ok)] if ok.any() else places[int(depth.argmax())])


def paint_opacities(canvas: Canvas, findings: tuple[Finding, ...], traits: Traits, lungs: Tensor) -> dict[str, Tensor]:
    """Paint what fills or destroys the air spaces, before vessels and bronchi run through it.

    Args:
        canvas: with the lungs' parenchyma painted.
        findings: the patient's.
        traits: the patient.
        lungs: signed distance to the lungs ``[D,H,W]``.

    Returns:
        The masks by name.
    """
    grid, masks = canvas.grid, {}
    at = (grid.X, grid.Y, grid.Z)
    inside = grid.soft(lungs)
    for f in findings:
        if f.name == "consolidation":
            centre, rough = site_of(f, traits), grid.texture((f.seed, 1), 9.0) * 0.5 + grid.texture((f.seed, 2), 22.0)
            reach = 22.0 + 45.0 * f.size
            near = _from(at, centre)
            part = torch.sigmoid((reach - near + 11.0 * rough) / 5.0) * inside
            same = lobe_of(at, traits) == int(_lobe(centre, traits))
            part = part * same * (0.72 + 0.08 * grid.texture((f.seed, 3), 5.0)).clamp(0.3, 0.97)
            canvas.cover(canvas.whole, part, 30.0, None)
            masks[f.name] = _mask(part, 0.35)
        elif f.name == "atelectasis":
            centre = site_of(f, traits)
            rng = np.random.default_rng((f.seed, 5))
            normal = np.array([1.0, rng.normal(0, 0.25), rng.normal(0, 0.25)])
            normal /= np.linalg.norm(normal)
            away = _along(at, centre, normal) + 2.0 * grid.texture((f.seed, 1), 25.0)
            within = torch.sqrt((_from(at, centre) ** 2 - away**2).clamp(min=0.0)) - f.size / 2
            part = grid.soft(torch.maximum(away.abs() - 2.6, within)) * inside
            canvas.cover(canvas.whole, part * 0.9, 10.0, None)
            masks[f.name] = _mask(part, 0.4)
        elif f.name == "emphysema":
            holes = grid.texture((f.seed, 1), 7.0)
            upper = 0.9 * torch.tanh(at[2] / 60.0)
            threshold = float(np.interp(f.size, [0.05, 0.3], [1.5, 0.3]))
            part = torch.sigmoid((holes + upper - threshold) * 6.0) * inside
            canvas.cover(canvas.whole, part, -975.0, None)
            masks[f.name] = _mask(part, 0.5)
    return masks


def paint_lesions(canvas: Canvas, findings: tuple[Finding, ...], traits: Traits, lungs: Tensor) -> dict[str, Tensor]:
    """Paint nodules, masses and granulomas over the lungs; return their masks by name."""
    masks: dict[str, Tensor] = {}
    for f in findings:
        if f.name not in {"nodule", "mass", "granuloma"}:
            continue
        part = _lesion(canvas, f, traits, lungs)
        masks[f.name] = masks[f.name] | part if f.name in masks else part
    return masks


def _lesion(canvas: Canvas, f: Finding, traits: Traits, lungs: Tensor) -> Tensor:
    grid, r = canvas.grid, f.size / 2
    mask = torch.zeros(grid.shape, dtype=torch.bool, device=grid.device)
    centre = site_of(f, traits)
    reach = 2.2 * r + 4 * grid.h
    box = grid.box(tuple(centre - reach), tuple(centre + reach))
    if box is None:
        return mask
    at, rng = grid.at(box), np.random.default_rng((f.seed, 7))
    d = [at[2] - float(centre[0]), at[1] - float(centre[1]), at[0] - float(centre[2])]
    stretch = 1 + (5 - f.ratings["sphericity"]) * 0.09 * rng.uniform(-1, 1, 3)
    d = [c * float(s) for c, s in zip(d, stretch, strict=True)]
    near = torch.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + 1e-4)
    lobed = torch.zeros_like(near)
    for _ in range(7):
        k = rng.normal(0, 2.2, 3)
        phase = (d[0] * float(k[0]) + d[1] * float(k[1]) + d[2] * float(k[2])) / near
        lobed = lobed + torch.sin(phase + float(rng.uniform(0, 6.3)))
    distance = near - r * (1 + 0.025 * f.ratings["lobulation"] * lobed)
    soft = max(grid.h, {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.2}.get(f.ratings["margin"], 0.6) * min(1.0, r / 6))
    part = (0.5 - distance / soft).clamp(0.0, 1.0)
    if f.ratings["spiculation"] >= 3:
        spikes = torch.full(grid.shape, 1e3, device=grid.device)
        tubes = []
        for _ in range(4 * f.ratings["spiculation"]):
            way = rng.normal(0, 1, 3)
            way /= np.linalg.norm(way)
            tip = centre + way * r * rng.uniform(1.3, 2.0)
            tubes.append(along_curve(np.stack([centre + 0.7 * r * way, tip]), np.array([0.13 * r, 0.3]), 0, step=2.0))
        stamp(grid, joined(tubes), spikes)
        part = torch.maximum(part, 0.8 * grid.soft(spikes[box]))
    part = part * grid.soft(lungs[box] - 0.5)
    grain = 14.0 * grid.texture((f.seed, 9), 4.0, box)
    canvas.cover(box, part, _LESION_HU[f.kind] + grain, Anatomy.LESION)
    if f.kind == "part-solid":
        canvas.cover(box, grid.soft(distance + 0.5 * r), 25.0 + grain, Anatomy.LESION)
    own = part > 0.5
    if not own.any():
        # On a grid too coarse for it the lesion is the one voxel that it fills most.
        own.view(-1)[int(part.argmax())] = True
    mask[box] = own
    return mask


def paint_pleura(
    canvas: Canvas, findings: tuple[Finding, ...], traits: Traits, lungs: Tensor, upright: bool
) -> dict[str, Tensor]:
    """Paint pleural fluid and air, which gravity parts; return their masks by name.

    Args:
        canvas: with the lungs painted.
        findings: the patient's.
        traits: the patient.
        lungs: signed distance to the lungs.
        upright: whether the patient stands; otherwise lies on the back.
    """
    grid, masks = canvas.grid, {}
    _, sy, sx = traits.scale
    for f in findings:
        side = grid.soft(-f.side * grid.X) * grid.soft(lungs)
        if f.name == "effusion":
            if upright:
                wall = torch.exp(lungs.clamp(max=0.0) / 9.0)
                # Fluid first fills the angle between diaphragm and chest wall, and creeps up along the wall.
                angle = [torch.tensor([c]) for c in (f.side * 110.0 * sx, 0.0)]
                base = float(diaphragm_height(angle[0], angle[1], traits)[0]) - 6.0 + 1.15 * f.size
                depth = grid.Z - base - 42.0 * wall * min(f.size / 30, 1.0)
            else:
                wall = torch.exp(lungs.clamp(max=0.0) / 9.0)
                depth = (98.0 * sy - 0.8 * f.size - 26.0 * wall * min(f.size / 30, 1.0)) - grid.Y
            part = grid.soft(depth) * side
            canvas.cover(canvas.whole, part, 11.0, Anatomy.PLEURAL_FLUID)
            masks[f.name] = _mask(part, 0.5)
        elif f.name == "pneumothorax":
            up = torch.sigmoid((grid.Z - 35.0) / 22.0) if upright else torch.sigmoid((-grid.Y - 25.0) / 18.0)
            gap = f.size * (0.12 + up) * (0.9 + 0.1 * torch.sin(grid.Z / 30.0))
            # The hilum holds the lung: it leaves the chest wall more than the mediastinum.
            gap = gap * (0.3 + 0.7 * torch.sigmoid((grid.X.abs() - 50.0 * sx) / 12.0))
            collapsed = lungs + gap
            part = grid.soft(-collapsed) * side * grid.soft(2.0 - gap)
            line = (1.8 / grid.h) * (1 - collapsed.abs() / max(grid.h, 1.8)).clamp(min=0.0)
            # What air has left the collapsed lung makes it denser.
            airy = (
                (0.018 * min(f.size, 30.0)) * grid.soft(collapsed) * side * torch.sigmoid((-600.0 - canvas.hu) / 60.0)
            )
            canvas.hu += airy * (canvas.hu + 1000.0).clamp(min=0.0)
            canvas.cover(canvas.whole, part, -1000.0, Anatomy.PLEURAL_AIR)
            canvas.cover(canvas.whole, (line * side * grid.soft(2.0 - gap)).clamp(max=0.8), -20.0, None)
            masks[f.name] = _mask(part, 0.5)
    return masks


def _mask(part: Tensor, threshold: float) -> Tensor:
    mask = part > threshold
    if not mask.any() and float(part.max()) > 0:
        mask.view(-1)[int(part.argmax())] = True
    return mask


def _from(at: At, centre: Points) -> Tensor:
    return torch.sqrt(
        (at[2] - float(centre[0])) ** 2 + (at[1] - float(centre[1])) ** 2 + (at[0] - float(centre[2])) ** 2
    )


def _along(at: At, centre: Points, way: Points) -> Tensor:
    d = (at[2] - float(centre[0]), at[1] - float(centre[1]), at[0] - float(centre[2]))
    return d[0] * float(way[0]) + d[1] * float(way[1]) + d[2] * float(way[2])


def _lobe(centre: Points, traits: Traits) -> Tensor:
    z, y, x = (torch.tensor([float(c)]) for c in centre)
    return lobe_of((x, y, z), traits)[0]
