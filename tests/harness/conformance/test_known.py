"""What a plugin's tests say need not hold: expected where it does not, and told of where it does."""

from pathlib import Path

import pytest

from radbench.testing import conformance

FILE = Path(__file__).with_name("broken_plugin.py")


def trial(variant, key):
    (found,) = conformance(FILE, [variant], checks=["sizes"], known={key: "issue 7"}).args[1]
    return found.values[0]


def test_what_does_not_hold_is_an_expected_failure():
    for key in ("sizes", "growing sizes"):
        with pytest.raises(pytest.xfail.Exception, match=r"issue 7: .*image must lie in"):
            trial("growing", key)()


def test_what_holds_all_the_same_fails_and_says_what_to_do():
    with pytest.raises(pytest.fail.Exception, match=r"it holds, though known says .*issue 7.*take it out of known"):
        trial("sound", "sizes")()


def test_what_is_known_of_one_part_is_not_known_of_another():
    assert trial("sound", "growing sizes")().check == "sizes"
    with pytest.raises(pytest.fail.Exception, match="image must lie in"):
        trial("growing", "sound sizes")()
