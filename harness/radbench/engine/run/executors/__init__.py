"""Executors: where steps run. Each offers the interface of :class:`radbench.engine.executors.local.LocalExecutor`."""
