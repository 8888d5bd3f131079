"""Small pieces of interpretability code with a known bug, for reviews of reviews."""

from __future__ import annotations

import json
from typing import Any

# The rule that finds it: normalised-over-wrong-axis, on the line of the return.
NORM = """import torch


def unit_vectors(cache: dict[int, torch.Tensor]) -> torch.Tensor:
    vectors = torch.stack([cache[layer] for layer in sorted(cache)])  # [layer, d_model]
    return vectors / vectors.norm(dim=0, keepdim=True)
"""
NORM_FIXED = NORM.replace("dim=0", "dim=-1")
NORM_RULE = "normalised-over-wrong-axis"

# auc-of-hard-labels
AUC = """from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score


def evaluate(x, y, x_test, y_test):
    clf = LogisticRegression(max_iter=1000).fit(x, y)
    return roc_auc_score(y_test, clf.predict(x_test))
"""
AUC_RULE = "auc-of-hard-labels"


def notebook(*cells: str, **more: Any) -> str:
    """A notebook as Jupyter lays it out; a cell that starts with # %md is Markdown."""
    return (
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "markdown",
                        "metadata": {},
                        "source": cell.splitlines(keepends=True),
                    }
                    if cell.startswith("# %md")
                    else {
                        "cell_type": "code",
                        "execution_count": None,
                        "metadata": {},
                        "outputs": [
                            {
                                "name": "stdout",
                                "output_type": "stream",
                                "text": cell.splitlines(keepends=True),
                            }
                        ],
                        "source": cell.splitlines(keepends=True),
                    }
                    for cell in cells
                ],
                "metadata": more,
                "nbformat": 4,
                "nbformat_minor": 5,
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )
