"""A model spread over devices: every experiment says the same, a map that cannot be met is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gadfly.errors import ModelError  # noqa: E402
from gadfly.tools.model import _all_resident, load  # noqa: E402

TESTS = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_every_experiment_says_the_same_over_two_devices() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "support.spread_tools"], cwd=TESTS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found) > 15
    assert not {name: wrong for name, wrong in found.items() if wrong}


@pytest.mark.slow
def test_the_pretended_devices_do_refuse_to_mix() -> None:
    code = (
        "import torch\n"
        "from torch.utils.backend_registration import _setup_privateuseone_for_python_backend as s\n"
        "from support.devices import pretended\n"
        "s('pretend')\n"
        "with pretended():\n"
        "    there = torch.ones(2).to('pretend:1')\n"
        "    print((there * 2 + there.sum().cpu()).tolist())\n"
        "    there + torch.ones(2).to('pretend:0')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=TESTS, capture_output=True, text=True)
    assert "[4.0, 4.0]" in done.stdout
    assert "same device, but found pretend:0 and pretend:1" in done.stderr


def test_a_device_map_is_read_and_kept_for_the_script() -> None:
    text = '{"": "cpu"}'
    model = load("demo", device=text)
    assert model.fingerprint["device"] == {"": "cpu"}
    assert model.fingerprint["dtype"] == "float32"
    assert model is load("demo", device=text)


@pytest.mark.parametrize(
    ("device", "because"),
    [
        ("balanced", "no GPU here to share a model out"),
        ('{"model": "cuda:7"}', "no device 'cuda:7' here"),
        ('{"model": 0}', "no device 'cuda:0' here"),
        ('{"model": ', "no JSON object"),
        ("{}", "no JSON object"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="the errors of a machine without a GPU")
def test_a_map_that_cannot_be_met_is_one_clear_error(device: str, because: str) -> None:
    with pytest.raises(ModelError, match=because):
        load("demo", device=device)


def test_weights_that_wait_elsewhere_are_refused() -> None:
    with torch.device("meta"):
        waiting = torch.nn.Linear(2, 2)
    with pytest.raises(ModelError, match="does not fit on the devices"):
        _all_resident("big", waiting)
