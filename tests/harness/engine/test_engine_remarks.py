"""What plugins say by warnings.warn reaches people; what torch says of its insides does not."""

import warnings

import torch

from radbench.engine.work.remarks import remarks_to


@torch.no_grad()
def wrapped():
    warnings.warn("said under no_grad", stacklevel=2)


def plain():
    warnings.warn("said by itself", stacklevel=2)


def test_what_plugins_say_is_heard_every_time_under_no_grad_too(capsys):
    heard = []
    with remarks_to(heard.append):
        for _ in range(2):
            plain()
            wrapped()
        warnings.warn_explicit("of torch's insides", UserWarning, torch.nn.__file__, 1)
        warnings.warn("a new way is better", DeprecationWarning, stacklevel=1)
    assert heard == ["said by itself", "said under no_grad"] * 2
    assert "of torch's insides" in capsys.readouterr().err
