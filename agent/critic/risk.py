"""How much a piece of code may do harm, for sampling: what it deals with, and how much of it there is."""

from __future__ import annotations

import math
import re

_DOMAIN = re.compile(
    r"torch|nnsight|nnterp|transformer_lens|sae|hook|patch|ablat|steer|probe|logit|resid|activation|attention"
    r"|cache|tokeni[sz]|pad|softmax|norm|auc|split|shuffle|seed|\[:, ?-1\]",
    re.IGNORECASE,
)


def risk(code: str) -> float:
    """Larger is riskier: first the number of the field's words in it, then its length."""
    words = {found.lower() for found in _DOMAIN.findall(code)}
    return 10.0 * len(words) + math.log2(1 + code.count("\n"))
