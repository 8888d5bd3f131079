"""The tool ``review``: code in, what the rules find out. The job of the same name adds a critique by a model."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gadfly.corpus.progress import Progress
from gadfly.errors import UsageError
from gadfly.settings import expanded
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.reach import FolderContent, InRepository, LocalPath, PathBelow, PlainText
from gadfly.tools.review.config import Config, from_folder
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading import source as reading
from gadfly.tools.review.reading.changes import from_base, from_diff
from gadfly.tools.review.reading.material import File, Material, from_paths, text_file
from gadfly.tools.review.registry import rules
from gadfly.tools.review.report import Read, Remark, Report, ranked

_QUICK = 20  # files; so many take a second, and need no progress bar


class ReviewArgs(ToolArgs):
    # One of code, paths, diff and base; with a diff or a base, paths narrow it down.
    code: PlainText | None = Field(default=None, description="Python text that is in no file yet")
    paths: list[PathBelow] | None = Field(
        default=None, description="files, notebooks or folders; below 'folder' where relative"
    )
    diff: FolderContent | None = Field(
        default=None, description="a unified diff; only lines it adds count"
    )
    base: InRepository | None = Field(
        default=None, description="a git branch or commit: what changed since, uncommitted included"
    )
    folder: LocalPath = Field(
        default=".", description="the repository; '.' is where Gadfly was started"
    )

    def gathered(self) -> Material:
        """What they name, read.

        Raises:
            UsageError: nothing, or more than one thing, is named, or it cannot be read.
        """
        folder = self.repository()
        given = [name for name in ("code", "diff", "base") if getattr(self, name)]
        if self.paths and given in ([], ["code"]):
            given.append("paths")
        if len(given) != 1:
            said = f"{' and '.join(given)} were given" if given else "nothing was given"
            raise UsageError(f"review: {said}; give exactly one of code, paths, diff, base")
        paths = self.paths or []
        if self.code:
            return Material("the text", [text_file("text.py", self.code)])
        if self.diff:
            return from_diff(self.diff, root=folder, only=paths)
        if self.base:
            return from_base(self.base, folder=folder, only=paths)
        here = self.folder == "."
        return from_paths(paths if here else [folder / each for each in paths])

    def repository(self) -> Path:
        """The folder. Raises UsageError if there is none."""
        folder = expanded(self.folder).resolve()
        if not folder.is_dir():
            raise UsageError(f"review: no folder {self.folder!r}")
        return folder


@tool(name="review", cost="seconds; nothing of the code is executed")
def review(args: ReviewArgs, context: Context) -> Report:
    """Find the bugs of interpretability code (hooks, patching, probes, steering, statistics) by rules on the syntax
    tree, each finding with the quoted lines and a fix. Takes text, files, notebooks, a folder, a diff or a git base."""
    config = from_folder(args.repository())
    return by_rules(args.gathered(), config, context.progress)[0]


def by_rules(material: Material, config: Config, progress: Progress) -> tuple[Report, Material]:
    """What the rules find, ranked, and the material that was read: without what the settings exclude."""
    material = material.without(config.exclude)
    notices = list(material.notices)
    if config.ignore:
        notices.append(f"the repository's settings switch off {', '.join(config.ignore)}")
    before = len(notices)
    found: list[Remark] = []
    if len(material.files) > _QUICK:
        progress.start("checking the rules", len(material.files))
    try:
        for file in material.files:
            found += _of_file(file, notices)
            progress.advance()
    finally:
        progress.finish()
    read = Read(
        what=material.what,
        files=len(material.files),
        lines=sum(len(lines) for file in material.files for lines in file.source.shown.values()),
        rules=len(set(rules()) - set(config.ignore)),
    )
    kept = ranked(each for each in found if each.rule not in config.ignore)
    report = Report(findings=kept, read=read, notices=notices, complete=len(notices) == before)
    return report, material


def _of_file(file: File, notices: list[str]) -> list[Remark]:
    if file.source.notice:
        notices.append(file.source.notice)
    found = review_source(file.source, notices)
    told = [each for each in found if file.counts(each.cell, each.start_line, each.end_line)]
    if len(told) < len(found):
        # A change can make a line wrong that it does not touch; that is told too, where it is sure to be new.
        known, own = _before(file), {id(each) for each in told}
        told = [
            each
            for each in found
            if id(each) in own or (known is not None and each.fingerprint not in known)
        ]

    def placed(each: Remark) -> Remark:
        lines = tuple(file.line(each.cell, n) for n in (each.start_line, each.end_line))
        return each.model_copy(update={"file_lines": lines})

    return [placed(each) for each in told]


def _before(file: File) -> set[str] | None:
    """The fingerprints of what the rules said before the change; None where that text is not known."""
    if file.before is None:
        return None
    return {each.fingerprint for each in review_source(reading.from_text(file.path, file.before))}
