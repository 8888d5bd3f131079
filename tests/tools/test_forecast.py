"""Long work is announced, work without end refused, short work left in peace; and it can be stopped."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from support.models import local  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import Cancelled, ModelError, ToolInputError  # noqa: E402
from gadfly.tools import forecast as forecasting  # noqa: E402
from gadfly.tools.forecast import forecast  # noqa: E402
from gadfly.tools.ledger import Ledger  # noqa: E402
from gadfly.tools.model import LocalModel, load  # noqa: E402
from gadfly.tools.patching import patch  # noqa: E402
from gadfly.tools.registry import by_name  # noqa: E402
from gadfly.tools.runner import execute  # noqa: E402


class Heard(Silent):
    def __init__(self, stop_after: int | None = None) -> None:
        self.notes: list[str] = []
        self.left = stop_after

    def note(self, message: str) -> None:
        self.notes.append(message)

    def advance(self, n: int = 1) -> None:
        if self.left is not None:
            self.left -= n
            if self.left <= 0:
                raise Cancelled


def test_short_work_is_not_forecast() -> None:
    heard = Heard()
    assert forecast(local(), "the sweep", 1000, heard) is None
    assert heard.notes == []


def test_long_work_is_announced_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    model, heard = local(), Heard()
    monkeypatch.setitem(forecasting._PACES, id(model), 1e-6)
    seconds = forecast(model, "the sweep", 10**9, heard, at_once=2**20)
    assert seconds == pytest.approx(1000)
    assert heard.notes == [
        "the sweep: about 17 minutes on cpu, up to 1.1 GiB beside the weights. Ctrl-C stops it"
    ]
    with pytest.raises(ToolInputError, match="about 12 days on cpu"):
        forecast(model, "the sweep", 10**12, heard)


def test_the_pace_is_measured() -> None:
    model = local("Llama")
    seconds = forecast(model, "the sweep", 10**8, Heard())
    assert seconds is not None and 1 < seconds < 1e5


def hooks(model: LocalModel) -> int:
    """How many hooks are set; nnsight has some of its own."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.module.modules())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("patch", {"behaviour": "capital-of", "n": 8}),
        ("probe", {"behaviour": "truth", "n": 60}),
        ("steer", {"behaviour": "sentiment", "n": 8}),
        ("ablate", {"behaviour": "capital-of", "component": "mlp", "layers": [1], "n": 8}),
    ],
)
def test_stopped_work_leaves_the_model_clean_and_is_recorded(
    name: str, arguments: dict[str, object]
) -> None:
    model = load("demo", device="cpu")
    batch = model.batch(["the capital of france is"])
    with model.working():
        before = model.forward(batch)
    count = hooks(model)
    with pytest.raises(Cancelled):
        execute(by_name(name), arguments, progress=Heard(stop_after=2), ledger=Ledger())
    assert Ledger().recent(1)[0].status == "cancelled"
    with model.working():
        assert torch.equal(model.forward(batch), before)
    assert hooks(model) == count


def test_an_enormous_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load("demo", device="cpu")
    monkeypatch.setitem(forecasting._PACES, id(model), 10.0)
    monkeypatch.setitem(forecasting._SHORT, "cpu", 1.0)
    with pytest.raises(ToolInputError, match="Take fewer prompts"):
        patch(data="task:capital-of", n=200, device="cpu")


def test_memory_that_runs_out_halves_the_batch_and_then_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gadfly.tools.patchscopes import analysis, patchscope

    arguments = {"prompt": "in france", "answer": "paris", "target": "the capital of {} is"}
    whole = patchscope(**arguments)
    real = analysis.patched

    def tight(model, target, states, layers):  # type: ignore[no-untyped-def]
        if len(states) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(model, target, states, layers)

    monkeypatch.setattr(analysis, "patched", tight)
    halved = patchscope(**arguments)
    assert halved.values == pytest.approx(whole.values, abs=1e-4)
    assert any("memory ran out" in note for note in halved.notes)

    def none(*_):  # type: ignore[no-untyped-def]
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(analysis, "patched", none)
    with pytest.raises(ModelError, match="memory ran out in patchscope"):
        patchscope(**arguments)
    assert Ledger().recent(1)[0].status == "failed"
