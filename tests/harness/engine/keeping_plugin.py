"""A plugin with a data set that makes its cases, keeps them in the cache folder, and logs what each process made."""

import hashlib
import os
import time

import torch

from radbench import Case, CaseEntry, Config, DatasetSpec, hookimpl, param
from radbench.contracts import CaseError
from radbench.contracts.atomic import replace_file
from radbench.contracts.folders import cache_folder


@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="keeper", factory="keeping_plugin:Keeper", summary="keeps", modality="any")]


class Keeper:
    class Config(Config):
        cases: int = param(6, "how many", source="assumed")
        bad: str = param("", "case that cannot be made", source="assumed")
        kills: str = param("", "case whose making kills the process", source="assumed")
        delay: float = param(0.0, "seconds to make", source="assumed")
        tells: str = param("yes", "yes, raises, or strange: names a case that it was not asked about", source="assumed")

    modality = "any"
    targets = frozenset({"findings"})
    findings = ("odd",)

    def __init__(self, config):
        self.config = config

    def manifest(self):
        return [
            CaseEntry(f"c{i}", f"p{i}", "test", "", hashlib.sha256(f"{i}".encode()).hexdigest())
            for i in range(self.config.cases)
        ]

    def unprepared(self, case_ids):
        if self.config.tells == "raises":
            raise ZeroDivisionError("my arithmetic")
        return ["c99"] if self.config.tells == "strange" else [c for c in case_ids if not _file(c).is_file()]

    def load(self, case_id):
        i = int(case_id[1:])
        if not _file(case_id).is_file():
            self._make(case_id, i)
        image = torch.full((1, 8, 8), float(_file(case_id).read_text()))
        return Case(case_id, f"p{i}", image, targets={"findings": torch.tensor([float(i % 2)])})

    def _make(self, case_id, i):
        if case_id == self.config.kills:
            os._exit(4)
        if case_id == self.config.bad:
            raise CaseError(f"case '{case_id}': its file is cut short")
        time.sleep(self.config.delay)
        replace_file(_file(case_id), str((i + 1) / 20).encode())
        log = cache_folder() / "made.log"
        with log.open("a") as stream:
            stream.write(f"{case_id} {os.getpid()} {torch.get_num_threads()}\n")


def _file(case_id):
    return cache_folder() / "keeper" / case_id
