"""Each rule of the conformance suite finds who breaks it, says where, and lets who holds to it pass."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from radbench.conformance.findings import Outcome
from radbench.conformance.subject import Subject
from radbench.conformance.suite import all_checks, checks_of, finding, offered, plugin_of, refuse_what_is_wrong
from radbench.conformance.workshop import Workshop
from radbench.contracts.errors import UsageError
from radbench.registry.discovery import Plugin

FILE = str(Path(__file__).with_name("broken_plugin.py"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Workshop((FILE,), tmp_path_factory.mktemp("shop"))


def tried(shop, kind, variant, name):
    (check,) = [c for c in all_checks() if c.name == name]
    return finding(Subject(kind, variant, shop), check)


SOUND = [
    ("enhancer", "sound", "configuration", "1 field with description and source (assumed)"),
    ("enhancer", "sound", "sizes", "9 sizes from 1 x 1 to 384 x 512"),
    ("enhancer", "sound", "constant", "size, type and range are kept"),
    ("enhancer", "sound", "nan", "comes out as NaN, which is refused"),
    ("enhancer", "sound", "input", "not written to"),
    ("enhancer", "sound", "bits", "the same bits in a second call"),
    ("enhancer", "sound", "seed", "nothing depends on the seed"),
    ("enhancer", "sound", "worker", "a worker builds the same part"),
    ("enhancer", "shy", "sizes", "4 images refused in words (an image of 5 x 3"),
    ("enhancer", "learner", "lessons", "4 lessons: pure"),
    ("enhancer", "learner", "resume", "stopped at 3 places and begun again, it gives the same weights"),
    ("enhancer", "learner", "weights", "1 tensor of weights kept and read: the same image"),
    ("task", "share", "scores", "4 ordinary cases scored: share"),
    ("task", "share", "odd-cases", "evidence, NaN or a refusal in words"),
    ("task", "share", "evidence", "the same evidence a second time"),
    ("dataset", "ramps", "manifest", "6 cases of 6 patients, none in two splits: train 3, test 3"),
    ("dataset", "ramps", "fingerprint", "in another process, too"),
    ("dataset", "ramps", "cases", "6 cases loaded (48 x 64), with no truth"),
    ("dataset", "ramps", "reload", "the same bits when it is loaded again"),
    ("dataset", "ramps", "rights", "licence and citation are given"),
]


@pytest.mark.parametrize(("kind", "variant", "check", "words"), SOUND)
def test_what_holds_is_said(shop, kind, variant, check, words):
    found = tried(shop, kind, variant, check)
    assert (found.outcome, words in found.sentence) == (Outcome.HOLDS, True), found


FAULTS = [
    ("enhancer", "growing", "sizes", "image must lie in [0,1]"),
    ("enhancer", "picky", "sizes", "1 x 17 raises, instead of giving an image or refusing it by CaseError"),
    ("enhancer", "promising", "sizes", "gave no layer 'base', which its spec offers"),
    ("enhancer", "writing", "input", "writes into the images that it is given"),
    ("enhancer", "counting", "bits", "a second call gives other bits: 3 images of 3 differ"),
    ("enhancer", "batched", "bits", "a batch of 3 (the spec says batch_size=4) gives other bits"),
    ("enhancer", "drawing", "seed", "say EnhancerSpec(draws=True), or draw nothing"),
    ("enhancer", "leaky", "nan", "after an image with NaN, an ordinary one comes out otherwise"),
    ("enhancer", "from-another-place", "run", "'radbench_classical.blur' was loaded"),
    ("enhancer", "hashing", "bits", "another process, in another order, gives other bits"),
    ("enhancer", "first-seen", "bits", "another process, in another order, gives other bits"),
    ("enhancer", "one-only", "bits", "a batch of 3 raises (the spec says batch_size=1): ValueError"),
    ("enhancer", "hashed-lessons", "lessons", "another process gets other lessons of case 'ramp-0'"),
    ("enhancer", "hashed-weights", "resume", "the same training in another process gives other weights"),
    ("enhancer", "inherited", "weights", "something that was learnt is not in state_dict() (broken_plugin.py:"),
    ("enhancer", "forgetful", "weights", "something that was learnt is not in state_dict()"),
    ("enhancer", "moody-lessons", "lessons", "another object, in another order, gives other lessons"),
    ("enhancer", "restless", "resume", "gives other weights the second time: 'scale' differs"),
    ("enhancer", "starts-midway", "resume", "begun again, the training gives other weights"),
    ("enhancer", "catches-all", "resume", "it catches BaseException"),
    ("task", "divides", "odd-cases", "empty masks: it raises, instead of giving a number, NaN or a CaseError"),
    ("task", "moody", "evidence", "gives other evidence of case"),
    ("task", "hashed", "evidence", "another process gives other evidence of case"),
    ("task", "wordy", "scores", "must be a number, a Prediction or Features, got 'a lot'"),
    ("dataset", "noisy-ramps", "reload", "has another image"),
    ("dataset", "hashed-ramps", "fingerprint", "another process gets another fingerprint"),
    ("dataset", "unordered-ramps", "fingerprint", "it lists its cases in another order in another process"),
    ("dataset", "hashed-pixels", "reload", "has another image in another process"),
    ("dataset", "flat-spacing", "cases", "has spacing_mm=(0.5, 0.0)"),
    ("dataset", "two-groups", "cases", "is loaded with the groups {'size': 'large'}, and listed with {}"),
    ("dataset", "bold-ramps", "cases", "has the target 'hu', which the data set does not declare"),
    ("dataset", "short-digests", "manifest", "no SHA-256"),
    ("dataset", "two-splits", "manifest", "splits must be patient-disjoint"),
]


@pytest.mark.parametrize(("kind", "variant", "check", "words"), FAULTS)
def test_a_fault_is_found_and_named(shop, kind, variant, check, words):
    found = tried(shop, kind, variant, check)
    assert (found.outcome, words in found.sentence) == (Outcome.BROKEN, True), found
    assert kind == "dataset" or check == "run" or "broken_plugin.py:" in found.sentence


REMARKS = [
    ("enhancer", "undescribed", "configuration", "field 'amount' has no description"),
    ("enhancer", "sound", "listing", "listing imports torch: put the hooks into a module of their own"),
    ("enhancer", "swallows-nan", "nan", "comes out as ordinary numbers"),
    ("enhancer", "unmoved", "device", "to(device) leaves kernel on the processor"),
    ("enhancer", "learner", "device", "it holds scale, a tensor, and offers no to(device)"),
    ("enhancer", "silent", "resume", "fit() never calls context.progress(done, total, text)"),
    ("dataset", "one-digest", "manifest", "(test) have one digest (broken_plugin.py:"),
    ("dataset", "one-digest", "cases", "'ramp-0' and 'ramp-2' have one digest and are different images"),
    ("enhancer", "lazy", "weights", "but fit() left every weight as it was"),
    ("task", "blind", "scores", "it never looks at what was enhanced (broken_plugin.py:"),
    ("dataset", "empty-handed-ramps", "cases", "target 'lesion_mask' is declared, and none of 6 cases has it"),
    ("dataset", "noisy-ramps", "rights", "the spec gives no licence and no citation"),
]


@pytest.mark.parametrize(("kind", "variant", "check", "words"), REMARKS)
def test_what_users_would_want_otherwise_is_a_remark(shop, kind, variant, check, words):
    found = tried(shop, kind, variant, check)
    assert (found.outcome, words in found.sentence) == (Outcome.REMARK, True), found


def test_one_fault_is_not_told_as_another(shop):
    for check in ("nan", "seed"):
        found = tried(shop, "enhancer", "counting", check)
        assert (found.outcome, "otherwise in a second call" in found.sentence) == (Outcome.NOT_TRIED, True), found


def test_a_class_that_takes_no_configuration_is_told_how_it_is_built(shop):
    found = tried(shop, "enhancer", "unbuildable", "sizes")
    assert found.outcome is Outcome.BROKEN
    assert "which its class does not take: def __init__(self, config) (broken_plugin.py:" in found.sentence


def test_what_cannot_be_loaded_or_lacks_a_method_does_not_hold(shop):
    """Not tried, it would leave the exit status of a check at 0, and a package's tests skipped."""
    for variant, words in (("astray", "module 'broken_plugin' has no 'Lerner'"), ("mute", "offers no enhance")):
        for check in ("configuration", "listing", "run"):
            found = tried(shop, "enhancer", variant, check)
            expected = Outcome.REMARK if check == "listing" else Outcome.BROKEN
            assert (found.outcome, check == "listing" or words in found.sentence) == (expected, True), found


def test_a_plugin_that_cannot_be_imported_is_found_by_its_package_and_says_why():
    broken = Plugin("my-method", error="SyntaxError: invalid syntax (plugin.py:3)")
    registry = SimpleNamespace(plugins=[broken])
    for name in ("my_method", "my-method"):
        with pytest.raises(UsageError, match=f"plugin '{name}' cannot be used: SyntaxError: invalid syntax"):
            plugin_of(registry, name)


def test_one_that_ends_the_other_process_is_named_and_the_next_one_is_tried(shop):
    found = tried(shop, "enhancer", "dies-elsewhere", "bits")
    assert found.outcome is Outcome.BROKEN
    assert "another process that is asked for the same ends (status 3)" in found.sentence
    assert tried(shop, "enhancer", "sound", "bits").outcome is Outcome.HOLDS


def test_what_has_to_be_given_is_not_tried_and_says_so(shop):
    found = tried(shop, "enhancer", "images", "sizes")
    assert found.outcome is Outcome.NOT_TRIED
    assert "field 'root' must be given: images[root=…]" in found.sentence


@pytest.mark.parametrize(("kind", "variant"), [("enhancer", "sound"), ("task", "share"), ("dataset", "ramps")])
def test_a_sound_part_comes_to_its_row(shop, kind, variant):
    found = tried(shop, kind, variant, "run")
    assert (found.outcome, "a second one finds everything there" in found.sentence) == (Outcome.HOLDS, True), found


def test_which_checks_apply_follows_from_the_spec(shop):
    def names(kind, variant):
        return {c.name for c in checks_of(shop.registry, kind, variant)}

    assert {"lessons", "resume", "weights", "sizes"} <= names("enhancer", "learner")
    assert not {"lessons", "views"} & names("enhancer", "sound")
    assert "seed" not in names("enhancer", "learner")
    assert {"scores", "odd-cases"} <= names("task", "share")
    assert {"manifest", "reload"} <= names("dataset", "ramps")


def test_a_plugin_is_found_by_file_entry_point_package_and_distribution(shop):
    assert plugin_of(shop.registry, FILE).name == "broken_plugin"
    assert plugin_of(shop.registry, "classical").name == plugin_of(shop.registry, "radbench_classical").name
    with pytest.raises(UsageError, match="did you mean 'classical'"):
        plugin_of(shop.registry, "clasical")
    with pytest.raises(UsageError, match="'radbench' has several plugins"):
        plugin_of(shop.registry, "radbench")


def test_what_is_no_plugin_is_said_without_a_list_of_all_there_are(shop, tmp_path):
    with pytest.raises(
        UsageError, match="there is no plugin 'xyzzy'; 'bench list plugins' has those there are"
    ) as found:
        plugin_of(shop.registry, "xyzzy")
    assert len(str(found.value)) < 250
    with pytest.raises(UsageError, match="which is a folder: name a file"):
        plugin_of(shop.registry, str(tmp_path))


def test_a_wrong_field_or_profile_is_refused_once_and_not_by_every_check(shop, tmp_path):
    refuse_what_is_wrong([Subject("enhancer", "sound[amount=1]", shop), Subject("enhancer", "sound", shop)])
    with pytest.raises(UsageError, match="'amount': Input should be a valid number"):
        refuse_what_is_wrong([Subject("enhancer", "sound[amount=much]", shop)])
    with pytest.raises(UsageError, match="profile 'fast' must be quick or paper"):
        Workshop((FILE,), tmp_path, "fast")


def test_a_variant_must_be_of_the_plugin(shop):
    plugin = plugin_of(shop.registry, FILE)
    assert offered(shop.registry, plugin, ["sound[amount=1]"]) == [("enhancer", "sound[amount=1]")]
    with pytest.raises(UsageError, match="offers no 'soundd': did you mean 'sound'"):
        offered(shop.registry, plugin, ["soundd"])
