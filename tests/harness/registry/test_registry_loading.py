"""Loading plugins: a broken one is one warning and a line, two of the same name an error, a misspelt name a hint."""

import itertools
import subprocess
import sys

import pytest

from radbench.contracts import ConfigurationError, DuplicateNameError, PluginError, UnknownNameError, UsageError
from radbench.engine.plan.resolver import Resolver
from radbench.registry.registry import load_registry

COUNT = itertools.count()

GOOD = """
from radbench import EnhancerSpec, hookimpl

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="{name}", factory="{module}:apply", summary="one")]

def apply(images, amount: float = 0.5, mode: str = "soft"):
    return images
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a plugin as a third party's distribution and gives its module's name."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def installed(source, distribution="third-party", name="thing", **values):
        module = f"third_party_{next(COUNT)}"
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(source.replace("{name}", name).replace("{module}", module))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[radbench]\n{distribution} = {module}\n")
        return module

    yield installed
    for module in [m for m in sys.modules if m.startswith("third_party_")]:
        del sys.modules[module]


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a plugin file under a free module name."""

    def written(source, name="thing"):
        path = tmp_path / f"plugin_file_{next(COUNT)}.py"
        path.write_text(source.replace("{name}", name).replace("{module}", path.stem))
        return path

    yield written
    for module in [m for m in sys.modules if m.startswith("plugin_file_")]:
        del sys.modules[module]


def broken(registry):
    return {p.distribution: p.error for p in registry.plugins if p.error}


def test_an_installed_plugin_offers_its_enhancer(install):
    install(GOOD)
    entry = load_registry().entry("enhancer", "thing")
    assert (entry.plugin.distribution, entry.plugin.version) == ("third-party", "1.2")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("def f(:", "SyntaxError"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        (GOOD.replace("return [E", "raise KeyError('lost')\n    return [E"), "KeyError: 'lost'"),
        (GOOD.replace("return [E", "raise SystemExit(4)\n    return [E"), "SystemExit: 4"),
        (GOOD.replace("return [E", "return 3\n    return [E"), r"radbench_enhancers\(\) returned int, not a list"),
        (
            GOOD.replace("return [E", "return 'thing'\n    return [E"),
            r"radbench_enhancers\(\) returned str, not a list",
        ),
        (
            GOOD.replace("return [E", "return ['thing']\n    return [E"),
            r"returned str in its list, not EnhancerSpec \(third_party_\d+.py:\d+\)",
        ),
        (GOOD.replace('name="{name}"', 'name="Not A Name"'), "must be lower-case"),
        (GOOD.replace("return [E", "return\n    return [E"), r"radbench_enhancers\(\) returned nothing, not a list"),
        (
            GOOD.replace("def radbench_enhancers", "def radbench_enhancer"),
            r"there is no hook 'radbench_enhancer': did you mean 'radbench_enhancers'.*third_party_\d+.py",
        ),
        (
            GOOD.replace("radbench_enhancers()", "radbench_enhancers(extra)"),
            "hook radbench_enhancers takes no arguments, not 'extra'",
        ),
        (GOOD.replace("@hookimpl", ""), r"radbench_enhancers is not marked as a hook: write @hookimpl above it"),
        ("x = 1", "has no @hookimpl function"),
        (
            GOOD.replace('summary="', 'layers=("lung_masks",), summary="'),
            r"unknown layer 'lung_masks': did you mean 'lung_mask'.*\(third_party_\d+.py:\d+\)",
        ),
        (
            GOOD.replace('summary="', 'layers="base", summary="'),
            r"unknown layer 'b': give the names as a tuple, \('\w+',\)",
        ),
    ],
)
def test_a_broken_plugin_is_one_warning_and_a_line_and_the_others_stay(install, source, words):
    install(source)
    registry = load_registry()
    (warning,) = [w for w in registry.warnings if "third-party" in w]
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(broken(registry)["third-party"])
    assert broken(registry)["third-party"] in warning
    assert "\n" not in warning
    assert "original" in registry.names("enhancer")


def test_two_distributions_with_one_name_are_both_named(install):
    install(GOOD, "first-house")
    install(GOOD, "second-house")
    with pytest.raises(DuplicateNameError, match=r"'thing' is offered twice: .* of first-house and .* of second-house"):
        load_registry()


def test_a_plugin_that_offers_a_name_twice_is_told(install):
    install(GOOD.replace("return [", "return 2 * ["))
    with pytest.raises(DuplicateNameError, match="'thing' is offered twice by plugin 'third-party' of third-party"):
        load_registry()


def test_an_enhancer_and_a_task_may_have_the_same_name(file):
    task = """
@hookimpl
def radbench_tasks():
    from radbench import TaskSpec
    return [TaskSpec(name="thing", factory="x:y", summary="")]
"""
    registry = load_registry([file(GOOD + task)])
    assert "thing" in registry.names("enhancer")
    assert "thing" in registry.names("task")


def test_a_misspelt_name_gets_the_nearest(file):
    with pytest.raises(UnknownNameError, match="unknown enhancer 'thin': did you mean 'thing'"):
        load_registry([file(GOOD)]).entry("enhancer", "thin")


def test_a_missing_plugin_file_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        load_registry([tmp_path / "nowhere.py"])


@pytest.mark.parametrize("name", ["json.py", "radbench.py", "not-a-name.py", "torch.py"])
def test_a_plugin_file_may_not_stand_in_another_module_s_place(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(UsageError, match="no free module name; rename the file"):
        load_registry([tmp_path / name])


def test_a_plugin_file_that_is_no_python_is_wrong_usage(tmp_path):
    (tmp_path / "notes_of_mine.txt").write_text("hello")
    with pytest.raises(UsageError, match="not a Python file"):
        load_registry([tmp_path / "notes_of_mine.txt"])


@pytest.mark.parametrize("source", ["def f(:", "1 / 0", "import sys; sys.exit(1)", GOOD.replace("@hookimpl", "")])
def test_a_broken_plugin_file_is_an_error_because_it_was_asked_for(file, source):
    with pytest.raises(PluginError, match="plugin_file_"):
        load_registry([file(source)])


def test_a_plugin_file_that_failed_can_be_mended_in_the_same_session(file):
    path = file("1 / 0")
    with pytest.raises(PluginError):
        load_registry([path])
    path.write_text(GOOD.replace("{name}", "mended").replace("{module}", path.stem))
    assert "mended" in load_registry([path]).names("enhancer")


def test_a_plugin_file_edited_in_the_same_session_is_read_again(file):
    path = file(GOOD, name="before")
    load_registry([path])
    path.write_text(path.read_text().replace('"before"', '"behind"'))
    assert "behind" in load_registry([path]).names("enhancer")


def test_the_same_plugin_file_twice_is_one_plugin(file):
    path = file(GOOD)
    assert "thing" in load_registry([path, str(path)]).names("enhancer")


def test_the_profile_yields_to_the_variant_and_the_overrides_stand_between(file):
    source = """
from radbench import Config, EnhancerSpec, hookimpl, param

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="{name}", factory="{module}:Net", summary="")]

class Net:
    class Config(Config):
        profiles = {"paper": {"a": 10, "b": 10, "c": 10}}
        a: int = param(1, source="assumed")
        b: int = param(1, source="assumed")
        c: int = param(1, source="assumed")
        d: int = param(1, source="assumed")

    def __init__(self, config):
        pass

    def enhance(self, images):
        return images
"""
    resolver = Resolver(load_registry([file(source)]), "paper", {"enhancer": {"b": "20", "c": "20"}})
    part = resolver.part("enhancer", "thing[c=30]")
    assert part.config.model_dump() == {"a": 10, "b": 20, "c": 30, "d": 1}
    assert part.label == "thing[b=20,c=30]"


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("thing[amont=1]", "enhancer 'thing' has no field 'amont': did you mean 'amount'"),
        ("thing[amount=much]", "field 'amount': .* valid number.* got 'much'"),
        ("thing[amount=none]", "field 'amount'"),
    ],
)
def test_a_wrong_field_or_value_is_one_sentence(file, variant, words):
    with pytest.raises(ConfigurationError, match=words):
        Resolver(load_registry([file(GOOD)]), "quick").part("enhancer", variant)


def test_an_override_that_nothing_has_is_refused_and_one_that_some_have_is_not(file):
    def asked_for(field):
        return Resolver(load_registry([file(GOOD)]), "quick", {"enhancer": {field: "1"}}).asked_for(
            "enhancer", ["thing"]
        )

    assert [part.label for part in asked_for("amount")] == ["thing[amount=1]"]
    with pytest.raises(ConfigurationError, match=r"no enhancer of this run .thing. has a field 'amout': did you mean"):
        asked_for("amout")


def test_an_unknown_profile_is_refused(file):
    with pytest.raises(UsageError, match="profile 'slow' must be quick or paper"):
        Resolver(load_registry([file(GOOD)]), "slow")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((":apply", ":missing"), r"factory '.*:missing' cannot be loaded: module '\w+' has no 'missing'"),
        ((":apply", ":aply"), "has no 'aply': did you mean 'apply'?"),
        (('"{module}:apply"', '"no_such_module_at_all:apply"'), "there is no module 'no_such_module_at_all'"),
        (("amount: float", "amount: 'Unheard'"), "fields cannot be read: NameError"),
        (("def apply(images, ", "apply = 3\ndef other(images, "), "fields cannot be read: TypeError"),
    ],
)
def test_a_factory_that_cannot_be_used_names_its_plugin(file, change, words):
    registry = load_registry([file(GOOD.replace(*change))])
    with pytest.raises(PluginError, match=f"'thing' of plugin .*{words}"):
        Resolver(registry, "quick").part("enhancer", "thing")


def test_listing_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from radbench.registry.registry import load_registry\n"
        "registry = load_registry()\n"
        "assert 'original' in registry.names('enhancer')\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'sklearn', 'scipy', 'cv2', 'skimage', 'pydantic', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
