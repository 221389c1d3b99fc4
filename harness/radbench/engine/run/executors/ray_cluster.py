"""A Ray cluster: how a run is connected to one, and what its nodes have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from radbench.contracts.errors import UsageError

_ADDRESS = "RAY_ADDRESS"


def import_ray() -> Any:
    """Return Ray, which nothing else imports.

    Raises:
        UsageError: it is not installed.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError as e:
        raise UsageError(
            f"executor 'ray' needs Ray, which is not installed ({e}): pip install 'radbench[ray]'"
        ) from None
    return ray


@contextmanager
def connected(address: str, jobs: int) -> Iterator[None]:
    """Be connected to a cluster; one that was not connected to before is left in the end.

    Args:
        address: of the head node, "auto" for the one of this machine; "" for what ``RAY_ADDRESS`` says, else for a
            cluster that runs on this machine, else for one of this machine alone that is started now and ended after.
        jobs: workers that are wanted; a cluster that is started has room for as many.

    Raises:
        UsageError: Ray is not installed, or no cluster answers there.
    """
    ray = import_ray()
    if ray.is_initialized():
        known = ray.get_runtime_context().gcs_address
        if address not in ("", "auto", known):
            raise UsageError(f"address '{address}': this process is connected to the Ray cluster at {known} already")
        yield
        return
    wanted = address or os.environ.get(_ADDRESS, "")
    if wanted.startswith("ray://"):
        raise UsageError(
            f"address '{wanted}' is a Ray Client's, which cannot stream what workers tell: give the same command on a "
            "node of the cluster (ray job submit does so), with --address auto"
        )
    # What a hospital computes is nobody else's business: a cluster of our own sends no statistics to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"configure_logging": False, "log_to_driver": False}
    try:
        _join(ray, wanted, jobs, quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as e:
        there = f"at '{wanted}'" if wanted else "on this machine"
        hint = f"; is it running ('ray status'), and does {_ADDRESS} or --address name it?"
        raise UsageError(f"executor 'ray': no Ray cluster answers {there}: {_first_line(e)}{hint}") from e
    except Exception as e:
        # Ray raises a bare Exception where its own processes do not start in time.
        if type(e) is not Exception:
            raise
        raise UsageError(f"executor 'ray': Ray does not start on this machine: {_first_line(e)}") from e
    try:
        yield
    finally:
        ray.shutdown()


def _join(ray: Any, wanted: str, jobs: int, quiet: dict[str, Any]) -> None:
    if wanted:
        ray.init(address=wanted, **quiet)
        return
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:
        cores = max(jobs, os.cpu_count() or 1)
        ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def alive_nodes() -> list[dict[str, Any]]:
    """Return what Ray says of each node that is there."""
    return [node for node in import_ray().nodes() if node["Alive"]]


def cores() -> int:
    """Return how many processors the nodes have that Ray hands out, at least 1."""
    return max(1, sum(int(node["Resources"].get("CPU", 0)) for node in alive_nodes()))


def devices(wanted: str) -> list[str]:
    """Return the devices to work on: "cpu", or "cuda" as often as there are cards.

    Raises:
        UsageError: the device is not one of auto, cpu, cuda, or no node has it.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device '{wanted}' must be auto, cpu or cuda under executor 'ray', which picks the card")
    cards = sum(int(node["Resources"].get("GPU", 0)) for node in alive_nodes()) if wanted != "cpu" else 0
    if wanted == "cuda" and not cards:
        raise UsageError("device 'cuda': no node of the Ray cluster has a GPU; use --device cpu")
    return ["cuda"] * cards or ["cpu"]


def could_hold(asked: dict[str, float]) -> bool:
    """Tell whether some node that is there has what is asked for, free or not.

    Args:
        asked: by Ray's name of it: CPU, GPU, memory in bytes.
    """
    return any(all(node["Resources"].get(name, 0) >= n for name, n in asked.items()) for node in alive_nodes())
