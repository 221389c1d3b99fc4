"""Enhancers that are made of what lies somewhere: a data set, a file that is read when it is needed."""

from pathlib import Path

from radbench import Config, EnhancerSpec, PartName, hookimpl, local, part


@hookimpl
def radbench_enhancers():
    return [
        EnhancerSpec(name="atlas", factory="input_plugin:Atlas", summary=""),
        EnhancerSpec(name="late", factory="input_plugin:Late", summary=""),
        EnhancerSpec(name="plain", factory="input_plugin:plain", summary=""),
    ]


class Atlas:
    class Config(Config):
        of: PartName = part("dataset")

    def __init__(self, config, parts):
        self.of = parts.of

    def enhance(self, images):
        return images * 0 + self.of.load("a").image.mean()


class Late:
    class Config(Config):
        file: Path = local()

    def __init__(self, config):
        self.file = config.file

    def enhance(self, images):
        return images * 0 + float(self.file.read_text())


def plain(images, file: Path = local()):  # noqa: B008
    return images * 0 + float(file.read_text())
