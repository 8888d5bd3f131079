"""The output formats of programs that pack files into one, written down from their documentation."""

from __future__ import annotations

import html
import json
from collections.abc import Callable

Files = list[tuple[str, str]]


def by_hand(files: Files) -> str:
    return "\n\n".join(f"File: /{path}\n\n{text}" for path, text in files)


def rules(files: Files) -> str:
    return "\n\n".join(f"==== {path} ====\n{text}" for path, text in files)


def tail(files: Files) -> str:
    return "\n\n".join(f"==> {path} <==\n{text}" for path, text in files)


def gitingest(files: Files) -> str:
    rule = "=" * 48
    tree = "\n".join(f"    ├── {path}" for path, _ in files)
    parts = "\n\n".join(f"{rule}\nFILE: {path}\n{rule}\n{text}\n" for path, text in files)
    return f"Directory structure:\n└── project/\n{tree}\n\n{parts}"


def repomix_plain(files: Files) -> str:
    rule, long = "=" * 16, "=" * 64
    head = f"This file is a merged representation of the codebase.\n\n{long}\nFiles\n{long}\n\n"
    parts = "\n\n".join(f"{rule}\nFile: {path}\n{rule}\n{text}" for path, text in files)
    return f"{head}{parts}\n\n\n{long}\nEnd of Codebase\n{long}\n"


def repomix_markdown(files: Files) -> str:
    head = "This file is a merged representation of the codebase.\n\n# File Summary\n\n## Purpose\nFor a model.\n\n"
    parts = "\n\n".join(f"## File: {path}\n`````markdown\n{text}\n`````" for path, text in files)
    return f"{head}# Directory Structure\n```\na/\n```\n\n# Files\n\n{parts}\n"


def repomix_xml(files: Files) -> str:
    head = "This file is a merged representation of the codebase.\n\n<file_summary>\nWords.\n</file_summary>\n\n"
    parts = "\n\n".join(f'<file path="{path}">\n{text}\n</file>' for path, text in files)
    return (
        f"{head}<directory_structure>\na/\n</directory_structure>\n\n<files>\n{parts}\n\n</files>\n"
    )


def repomix_parsable_xml(files: Files) -> str:
    parts = "".join(f'<file path="{path}">{html.escape(text)}</file>' for path, text in files)
    return f"<repomix><file_summary>Words.</file_summary><files>All files.{parts}</files></repomix>"


def repomix_json(files: Files) -> str:
    return json.dumps({"fileSummary": {"purpose": "For a model."}, "files": dict(files)})


def files_to_prompt(files: Files) -> str:
    return "\n".join(f"{path}\n---\n{text}\n\n---" for path, text in files)


def files_to_prompt_xml(files: Files) -> str:
    parts = "\n".join(
        f'<document index="{index}">\n<source>{path}</source>\n<document_contents>\n{text}\n'
        f"</document_contents>\n</document>"
        for index, (path, text) in enumerate(files, 1)
    )
    return f"<documents>\n{parts}\n</documents>\n"


def files_to_prompt_markdown(files: Files) -> str:
    return "\n".join(f"{path}\n`````markdown\n{text}\n`````" for path, text in files)


def documents(files: Files) -> str:
    """``<document>`` with a title and bare content, as people write it."""
    return "\n".join(
        f"<document>\n<source>{path}</source>\n<title>About {path}</title>\n{text}\n</document>"
        for path, text in files
    )


def code2prompt(files: Files) -> str:
    tree = "\n".join(f"├── {path}" for path, _ in files)
    parts = "\n".join(f"`{path}`:\n\n```md\n{text}\n```\n" for path, text in files)
    return f"Project Path: /home/x/project\n\nSource Tree:\n\n```txt\n{tree}\n\n```\n\n{parts}\n"


def code2prompt_xml(files: Files) -> str:
    parts = "\n".join(
        f'      <file path="{path}">\n        ```md\n{text}\n        ```\n      </file>'
        for path, text in files
    )
    return f"<directory>/x</directory>\n\n<source-tree>\n  x\n</source-tree>\n\n<files>\n{parts}\n</files>\n"


def between_rules(files: Files) -> str:
    return "\n\n".join(f"---\nFile: /{path}\n---\n\n{text}" for path, text in files)


def mintlify(files: Files) -> str:
    return "\n\n".join(
        f"# About {path}\n\nSource: https://docs.example.org/{path}\n\n{text}{_FILLING}"
        for path, text in files
    )


def vitepress(files: Files) -> str:
    return "\n\n".join(f"---\nurl: /{path}\n---\n\n{text}{_FILLING}" for path, text in files)


def llms_txt(files: Files) -> str:
    parts = "".join(
        f'<doc title="About {path}" desc="x">{text}{_FILLING}</doc>' for path, text in files
    )
    return f'<project title="X" summary="y">> About it.<docs>{parts}</docs></project>\n'


def starlight(files: Files) -> str:
    parts = "\n\n".join(f"# About {path}\n\n{text}{_FILLING}" for path, text in files)
    return f"<SYSTEM>This is the full documentation for X.</SYSTEM>\n\n{parts}\n"


_FILLING = "\n\n" + "More is said of it on this page than elsewhere. " * 12
SITES: tuple[Callable[[Files], str], ...] = (mintlify, vitepress, llms_txt, starlight)
STYLES: tuple[Callable[[Files], str], ...] = (
    by_hand,
    rules,
    tail,
    gitingest,
    repomix_plain,
    repomix_markdown,
    repomix_xml,
    files_to_prompt,
    files_to_prompt_xml,
    files_to_prompt_markdown,
    documents,
    code2prompt,
    code2prompt_xml,
    between_rules,
)
