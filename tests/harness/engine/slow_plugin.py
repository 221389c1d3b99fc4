"""A plugin with a data set whose cases are slow to make, and which logs what each process made."""

import hashlib
import os
import time

import torch

from radbench import Case, CaseEntry, Config, DatasetSpec, hookimpl, param
from radbench.contracts import CaseError, LookedUp
from radbench.contracts.folders import cache_folder


@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="slow", factory="slow_plugin:Slow", summary="slow", modality="any", slow=True)]


class Slow:
    class Config(Config):
        cases: int = param(6, "how many", source="assumed")
        bad: str = param("", "case that cannot be made", source="assumed")
        kills: str = param("", "case whose making kills the process", source="assumed")
        delay: float = param(0.0, "seconds to make", source="assumed")

    modality = "any"
    targets = frozenset({"findings", "volume_hu"})

    def __init__(self, config):
        self.config = config

    def manifest(self):
        return [
            CaseEntry(f"c{i}", f"p{i}", "test", hashlib.sha256(f"{i}".encode()).hexdigest())
            for i in range(self.config.cases)
        ]

    def load(self, case_id):
        i = int(case_id[1:])
        if case_id == self.config.kills:
            os._exit(4)
        if case_id == self.config.bad:
            raise CaseError(f"case '{case_id}': its file is cut short")
        time.sleep(self.config.delay)
        with (cache_folder() / "made.log").open("a") as stream:
            stream.write(f"{case_id} {os.getpid()} {torch.get_num_threads()}\n")
        targets = LookedUp({"findings": {"odd": float(i % 2)}}, {"volume_hu": lambda: torch.full((1, 2, 2), float(i))})
        return Case(case_id, f"p{i}", torch.full((1, 8, 8), (i + 1) / 20), targets=targets)
