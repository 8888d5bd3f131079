"""The review as a tool. The rules need no key; the client's own LLM is the critic, with the prompts of this server."""

from __future__ import annotations

from pydantic import Field

from gadfly.errors import UsageError
from gadfly.home import expanded
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.reach import FolderContent, InRepository, LlmName, LocalPath, PathBelow, PlainText
from gadfly.tools.review.report import Report


class ReviewArgs(ToolArgs):
    """Arguments of ``review``: exactly one of code, paths, diff, base."""

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
        default=".", description="the repository; '.' is where the server started"
    )
    llm: LlmName | None = Field(
        default=None,
        description="PROVIDER/MODEL to add a critique of Gadfly's own, on its key; without it the rules alone",
    )


@tool(name="review", cost="seconds; nothing of the code is executed")
def review(args: ReviewArgs, context: Context) -> Report:
    """Find the bugs of interpretability code (hooks, patching, probes, steering, statistics) by rules on the syntax
    tree, each finding with the quoted lines and a fix. Takes text, files, notebooks, a folder, a diff or a git base."""
    from gadfly.agent.jobs.review import review as run
    from gadfly.tools.review.config import from_folder
    from gadfly.tools.review.reading.changes import from_base, from_diff
    from gadfly.tools.review.reading.material import Material, from_paths, text_file

    given = [name for name in ("code", "paths", "diff", "base") if getattr(args, name)]
    if len(given) != 1:
        said = f"{' and '.join(given)} were given" if given else "nothing was given"
        raise UsageError(f"review: {said}; give exactly one of code, paths, diff, base")
    folder = expanded(args.folder).resolve()
    if not folder.is_dir():
        raise UsageError(f"review: no folder {args.folder!r}")
    if args.code:
        material = Material("the text", [text_file("text.py", args.code)])
    elif args.paths:
        material = from_paths([folder / each for each in args.paths])
    elif args.diff:
        material = from_diff(args.diff, root=folder)
    else:
        material = from_base(args.base or "", folder=folder)
    return run(
        material,
        llm=args.llm,
        rules_only=args.llm is None,
        config=from_folder(folder),
        progress=context.progress,
    )
