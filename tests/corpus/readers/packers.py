"""The output formats of programs that pack files into one, written down from their documentation."""

from __future__ import annotations

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
)
