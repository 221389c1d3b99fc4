"""Executors: where steps run, behind the interface of :mod:`radbench.engine.run.executors.executor`."""
