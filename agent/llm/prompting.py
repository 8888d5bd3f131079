"""Reading prompts/ and fencing what is data.

A prompt is a Markdown file with front matter (``name``, ``version``, ``purpose``, ``variables``) and
``{{ variable }}`` places. Text that comes from a document, a tool or a web page never enters a prompt
unfenced: :func:`fence` wraps it in a tag that the text itself cannot close.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Prompt:
    """One prompt file. ``variables`` are exactly the places its text has."""

    name: str
    version: int
    purpose: str
    variables: tuple[str, ...]
    text: str

    def render(self, **values: str) -> str:
        """The text with every place filled; a missing or unknown name is a programming error."""
        if set(values) != set(self.variables):
            raise KeyError(f"prompt {self.name} takes {self.variables}, got {sorted(values)}")
        return _PLACE.sub(lambda match: values[match[1]], self.text)


@cache
def prompt(name: str) -> Prompt:
    """The prompt ``prompts/NAME.md``."""
    raw = resources.files("gadfly.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    _, head, body = raw.split("---\n", 2)
    meta = yaml.safe_load(head)
    return Prompt(
        name=meta["name"],
        version=meta["version"],
        purpose=meta["purpose"],
        variables=tuple(meta.get("variables", ())),
        text=body.strip(),
    )


def fence(label: str, text: str) -> str:
    """``text`` as labelled data. The tag carries a nonce, so that nothing inside can end it."""
    nonce = secrets.token_hex(4)
    label = re.sub(r"[^\w ./:-]", "", label)[:80]
    return f'<data-{nonce} source="{label}">\n{text}\n</data-{nonce}>'
