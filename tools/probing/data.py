"""Labelled texts: read, grouped so that near-duplicates stay together, split into train, validation and test.

A split by single texts lets a probe recognise a text's twin; here whole groups go to one side. Groups are the user's
own, else clusters of texts that share most of their words, else texts that share a word of both labels
(``by_shared_words``). Leaves out activations and fitting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Flags, Ints, Tensor
from gadfly.tools.demo.behaviours import Behaviour

FEWEST_GROUPS = 6
_FEWEST_OF_A_LABEL = 3
_MANY_GROUPS = 25
_WORD = r"\w+"
_ALIKE = 0.8  # share of words in common from which two texts count as one
_TENTH = 0.1
_TEMPLATE = 0.5  # a cluster with more of the texts than this is a template, not a duplicate


class LabelledText(BaseModel):
    """A text with its label; texts of one group never end on both sides of the split."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, validation_alias=AliasChoices("text", "prompt"))
    label: str | int | bool
    group: str | int | None = None


def of_task(task: Behaviour, n: int, seed: int) -> list[LabelledText]:
    """Labelled prompts of the demo model. Raises ToolInputError where the task has no labels."""
    return [
        LabelledText(text=each.prompt, label=task.labelled()[each.label or 0], group=each.group)
        for each in task.examples(n, seed)
    ]


@dataclass(frozen=True)
class Labelled:
    """Texts, labels as 0 and 1, group numbers, and what 0 and 1 are called. ``given``: the groups are the user's."""

    texts: list[str]
    labels: Ints
    groups: Ints
    names: tuple[str, str]
    notes: list[str]
    given: bool


@dataclass(frozen=True)
class Parts:
    """Data, and boolean masks over its texts; each group is in one of them. ``seed`` is that of the split, and of all
    that is drawn on it."""

    data: Labelled
    seed: int
    train: Flags
    validation: Flags
    test: Flags

    @property
    def tensors(self) -> Iterator[Tensor]:
        """The masks of train, validation and test for torch."""
        import torch

        return (torch.from_numpy(mask) for mask in (self.train, self.validation, self.test))


def label(items: Sequence[LabelledText]) -> Labelled:
    """Check and group.

    Raises:
        ToolInputError: not exactly two labels, the same text with both labels, or too few groups.
    """
    names = sorted({str(item.label) for item in items})
    if len(names) != 2:
        found = ", ".join(names[:5]) or "none"
        raise ToolInputError(f"a probe needs two labels; these texts have {len(names)}: {found}")
    kept: dict[str, LabelledText] = {}
    for item in items:
        before = kept.setdefault(item.text, item)
        if str(before.label) != str(item.label):
            raise ToolInputError(f"the same text has both labels: {item.text[:80]!r}")
    notes = []
    if len(kept) < len(items):
        notes.append(f"{len(items) - len(kept)} repeated texts were left out")
    chosen = list(kept.values())
    texts = [item.text for item in chosen]
    given = all(item.group is not None for item in chosen)
    if given:
        keys = [str(item.group) for item in chosen]
        groups = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    else:
        groups = _near_duplicates(texts)
        biggest = np.bincount(groups).max() / len(texts)
        if biggest > _TEMPLATE:
            groups = np.arange(len(texts), dtype=np.int64)
            notes.append(
                "the texts share one template, so they are split by text: the test speaks of new words in the "
                "same template, not of new wordings; give a group with each text to change that"
            )
    labels = np.array([names.index(str(item.label)) for item in chosen], dtype=np.int64)
    for value, name in enumerate(names):
        count = len(np.unique(groups[labels == value]))
        if count < _FEWEST_OF_A_LABEL:
            raise ToolInputError(
                f"label {name!r} is in {count} groups of texts; at least {_FEWEST_OF_A_LABEL} are needed"
            )
    if len(np.unique(groups)) < FEWEST_GROUPS:
        raise ToolInputError(
            f"{len(np.unique(groups))} groups of texts; at least {FEWEST_GROUPS} are needed to split them"
        )
    return Labelled(texts, labels, groups, (names[0], names[1]), notes, given)


def by_shared_words(data: Labelled) -> Labelled:
    """The same texts in groups that share words which stand with both labels: all such words, or only the rarer ones,
    as many as leave no group with more than a tenth of the texts. Where there are none, each text is a group.

    For texts that pair the same words rightly and wrongly ("Paris is in France", "Paris is in Peru"). Split one by one,
    a word's other label is what is left for training, and whatever reads words gets the test part wrong.
    """
    from scipy.sparse import bmat
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import CountVectorizer

    bags = CountVectorizer(binary=True, token_pattern=_WORD).fit_transform(data.texts).tocsc()
    often = np.asarray(bags.sum(0)).ravel()
    positive = np.asarray(bags[data.labels == 1].sum(0)).ravel()
    both = (positive > 0) & (positive < often)
    count = len(data.texts)
    groups = np.arange(count)
    for limit in np.unique(often[both])[::-1]:
        # Texts and words are the two sides of a graph: whole templates would be linked text by text otherwise.
        linked = bags[:, both & (often <= limit)]
        found = connected_components(bmat([[None, linked], [linked.T, None]]), directed=False)[1]
        found = np.unique(found[:count], return_inverse=True)[1]
        if np.bincount(found).max() <= _TENTH * count:
            groups = found
            break
    return replace(data, groups=groups.astype(np.int64))


def split(data: Labelled, seed: int) -> Parts:
    """Three fifths of the groups to train, one to validation, one to test (thirds where groups are few); labels in
    near equal shares.

    Raises:
        ToolInputError: a part would lack a label.
    """
    test, validation, *_ = folds(data, seed)
    train = ~(test | validation)
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        if len(np.unique(data.labels[part])) < 2:
            raise ToolInputError(
                f"the {name} part would have one label only; give more groups of each label"
            )
    return Parts(data, seed, train, validation, test)


def folds(data: Labelled, seed: int) -> list[Flags]:
    """The texts in five parts (three where groups are few), whole groups at a time, as masks."""
    from sklearn.model_selection import StratifiedGroupKFold

    count = 5 if len(np.unique(data.groups)) >= _MANY_GROUPS else 3
    drawn = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    masks = np.zeros((count, len(data.texts)), dtype=np.bool_)
    for mask, (_, fold) in zip(
        masks, drawn.split(data.texts, data.labels, data.groups), strict=True
    ):
        mask[fold] = True
    return list(masks)


def shuffled(labels: Ints, groups: Ints, rng: np.random.Generator) -> Ints:
    """Labels that mean nothing but keep the groups' structure.

    Groups exchange their shares of the label, and within each group it falls on texts at random: whole groups of one
    label exchange theirs, minimal pairs flip, and a few wrong labels in each group do not give its own label away.
    """
    out = labels.copy()
    members = [np.flatnonzero(groups == number) for number in np.unique(groups)]
    shares = rng.permutation([labels[m].mean() for m in members])
    for m, share in zip(members, shares, strict=True):
        # A share may not fit another group's size; the odd text falls to either side.
        positives = int(share * len(m) + rng.random() * (1 - 1e-9))
        out[m] = rng.permutation(np.arange(len(m)) < positives)
    return out


def _near_duplicates(texts: Sequence[str]) -> Ints:
    """Cluster numbers: texts are linked when most of their words (by Jaccard) are shared, links are transitive."""
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import CountVectorizer

    bags = CountVectorizer(binary=True, token_pattern=_WORD).fit_transform(texts)
    common = (bags @ bags.T).tocoo()
    sizes = np.asarray(bags.sum(1)).ravel()
    union = sizes[common.row] + sizes[common.col] - common.data
    alike = common.data >= _ALIKE * union
    common.data = alike.astype(np.int8)
    common.eliminate_zeros()
    groups: Ints = connected_components(common, directed=False)[1].astype(np.int64)
    return groups
