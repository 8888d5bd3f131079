"""Folders of review cases, and when a remark counts: the right place *and* the right concept.

A folder holds ``cases.jsonl``, ``cases/`` and ``fixed/``. A line of ``cases.jsonl`` says whether the file has a bug, in
which lines, and which words name it. ``fixed/`` holds the repaired twin of a file with a bug. Of a case that is a diff
only its hunks count.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.errors import GadflyError
from gadfly.evals.kit.place import rows
from gadfly.tools.review.reading.diff import parse, unapplied
from gadfly.tools.review.reading.material import File, text_file

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "review_samples"
_NEAR = 3  # lines


class Remark(NamedTuple):
    """What a tool says of a file, in the file's or the cell's lines."""

    rule: str
    first: int
    last: int
    text: str
    cell: int | None = None

    def __str__(self) -> str:
        return f"{self.rule}:{self.first}"


@dataclass(frozen=True)
class Case:
    """``about`` is the case's line in ``cases.jsonl``."""

    folder: Path
    about: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.about["id"])

    @property
    def has_bug(self) -> bool:
        return bool(self.about["has_bug"])

    @property
    def path(self) -> Path:
        return self.folder / "cases" / str(self.about["file"])

    @property
    def twin(self) -> Path | None:
        """The repaired file of a bug, where there is one."""
        twin = self.folder / "fixed" / self.id / self.path.name
        return twin if self.has_bug and twin.is_file() else None

    def file(self) -> File:
        """The file as material of a review, with what a diff says of it."""
        name, text = self.path.name, self.path.read_text(encoding="utf-8")
        if self.about.get("diff"):
            diff = (self.folder / "cases" / self.about["diff"]).read_text(encoding="utf-8")
            for change in parse(diff):
                if Path(change.path).name == name:
                    shown = change.commentable
                    file = text_file(name, text, changed=change.added, shown=shown)
                    file.before = unapplied(file.raw, change.hunks)
                    return file
        return text_file(name, text)

    def within(self, remarks: list[Remark]) -> list[Remark]:
        """The remarks that touch a hunk; all of them where the whole file counts."""
        shown = self.file().shown
        if shown is None:
            return remarks
        return [each for each in remarks if shown & set(range(each.first, each.last + 1))]

    def near(self, remark: Remark, slack: int = _NEAR) -> bool:
        """Within so many lines of the bug; in a notebook: and in its cell."""
        if not self.has_bug:
            return False
        first, last = self.about["bug_lines"]
        cell = self.about.get("bug_cell", self.about.get("cell"))
        if cell is not None and remark.cell is not None and remark.cell != cell:
            return False
        return bool(remark.first <= last + slack and remark.last >= first - slack)

    def names(self, remark: Remark) -> bool:
        """Near the bug, in words that fit the case's pattern."""
        pattern = self.about["match_regex"] if self.near(remark) else None
        return pattern is not None and bool(re.search(pattern, remark.text, re.IGNORECASE))


def remarks(findings: Iterable[Any]) -> list[Remark]:
    """What a review found, by rules or by a model."""
    return [
        Remark(f.rule, f.start_line, f.end_line, f"{f.message} {f.rule}", f.cell) for f in findings
    ]


def read(folder: Path, limit: int | None = None) -> list[Case]:
    """The cases of a folder.

    Raises:
        GadflyError: the folder has no readable ``cases.jsonl``.
    """
    try:
        lines = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
        return [Case(folder, json.loads(line)) for line in lines if line.strip()][:limit]
    except (OSError, ValueError) as error:
        raise GadflyError(
            f"{folder} is not a folder of review cases ({error}); it needs cases.jsonl, cases/ and fixed/"
        ) from error


@contextmanager
def packaged() -> Iterator[Path]:
    """The packaged cases as a folder, for as long as it is needed."""
    by_id = {row["id"]: row for row in rows("review")}
    with tempfile.TemporaryDirectory() as name:
        folder, lines = Path(name), []
        for row in by_id.values():
            if not row["bug"]:
                continue
            twin = by_id[f"{row['id']}-fixed"]
            for part, code in (("cases", row["code"]), ("fixed", twin["code"])):
                (folder / part / row["id"]).mkdir(parents=True)
                (folder / part / row["id"] / "case.py").write_text(code, encoding="utf-8")
            about = {"id": row["id"], "file": f"{row['id']}/case.py", "has_bug": True}
            about |= {"bug_lines": [row["line"]] * 2, "match_regex": row["match"]}
            lines.append(json.dumps(about))
        (folder / "cases.jsonl").write_text("\n".join(lines), encoding="utf-8")
        yield folder
