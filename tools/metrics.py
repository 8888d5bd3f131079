"""Metrics of patching and ablation: logits at the end of a prompt to the number that tells clean from corrupt.

Each is a plain function of torch tensors and needs nothing else, so that a stand-alone script can hold its source.
More is more clean-like. :func:`metric` adds one of your own by its name::

    @metric
    def margin(logits, answer, wrong, clean):
        best_other = logits.scatter(-1, answer[..., None], float("-inf")).amax(-1)
        return logits.gather(-1, answer[..., None]).squeeze(-1) - best_other

    patch(behaviour="capital-of", metric="margin")
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor

Measure = Callable[["Tensor", "Tensor", "Tensor", "Tensor"], "Tensor"]
"""(logits [..., vocabulary] in float32, answer [...] and wrong [...] as token ids, logits of the clean run [...,
vocabulary]) to the metric [...]."""


def logit_difference(logits: Tensor, answer: Tensor, wrong: Tensor, clean: Tensor) -> Tensor:
    """Logit of the answer minus logit of the wrong answer."""
    picked = logits.gather(-1, answer[..., None]) - logits.gather(-1, wrong[..., None])
    return picked.squeeze(-1)


def probability(logits: Tensor, answer: Tensor, wrong: Tensor, clean: Tensor) -> Tensor:
    """Probability of the answer."""
    return logits.log_softmax(-1).gather(-1, answer[..., None]).squeeze(-1).exp()


def log_probability(logits: Tensor, answer: Tensor, wrong: Tensor, clean: Tensor) -> Tensor:
    """Log probability of the answer, in nats."""
    return logits.log_softmax(-1).gather(-1, answer[..., None]).squeeze(-1)


def probability_difference(logits: Tensor, answer: Tensor, wrong: Tensor, clean: Tensor) -> Tensor:
    """Probability of the answer minus probability of the wrong answer."""
    shares = logits.softmax(-1)
    return (shares.gather(-1, answer[..., None]) - shares.gather(-1, wrong[..., None])).squeeze(-1)


def kl(logits: Tensor, answer: Tensor, wrong: Tensor, clean: Tensor) -> Tensor:
    """Minus the divergence KL(clean || patched) in nats, so that clean scores 0."""
    target = clean.log_softmax(-1)
    return -(target.exp() * (target - logits.log_softmax(-1))).sum(-1)


_BUILT_IN = (logit_difference, probability, log_probability, probability_difference, kl)
_METRICS: dict[str, Measure] = {each.__name__: each for each in _BUILT_IN}


def metric(function: Measure) -> Measure:
    """Make ``function`` a metric under its own name, for this process. For functions of one's own.

    Raises:
        ToolInputError: a built-in metric has the name.
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ToolInputError("a metric is a function with a name; write it with def")
    if name in {each.__name__ for each in _BUILT_IN}:
        raise ToolInputError(f"{name} is a built-in metric; choose another name")
    _METRICS[name] = function
    return function


def by_name(name: str) -> Measure:
    """The metric of this name. Raises ToolInputError, listing the names there are."""
    if name not in _METRICS:
        raise ToolInputError(f"no metric named {name!r}; there are: {', '.join(_METRICS)}")
    return _METRICS[name]


def source(name: str) -> str:
    """The metric's definition as text, for a script that stands alone."""
    function = by_name(name)
    try:
        # A decorator of this package would not be known there.
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("def "))
        return "\n".join(lines[start:])
    except (OSError, TypeError, StopIteration):
        head = f"def {name}(logits, answer, wrong, clean):"
        return f'{head}\n    raise NotImplementedError("paste your metric {name} here")'


def title(name: str) -> str:
    """The name as it is said in a sentence."""
    return "KL divergence" if name == "kl" else name.replace("_", " ")


def _known(name: str) -> str:
    try:
        by_name(name)
    except ToolInputError as error:
        raise ValueError(str(error)) from None
    return name


MetricName = Annotated[str, AfterValidator(_known)]
"""As a tool's argument."""
DESCRIPTION = (
    f"what clean and corrupt are told apart by: {', '.join(each.__name__ for each in _BUILT_IN)}, "
    "or your own"
)
