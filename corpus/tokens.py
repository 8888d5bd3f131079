"""Counting tokens (cl100k_base) without a network. Leaves out every provider's own count.

litellm carries the two encodings that tiktoken would otherwise download; its folder is found
without importing it, since that import costs eight seconds.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding


def count(text: str) -> int:
    """Number of cl100k_base tokens; special-token text such as ``<|endoftext|>`` counts as plain text."""
    return len(encoding().encode(text, disallowed_special=()))


@cache
def encoding() -> Encoding:
    """The cl100k_base encoding, read from litellm's bundled files where they exist."""
    bundled = _bundled_folder()
    if bundled is not None:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(bundled))
    import tiktoken

    return tiktoken.get_encoding("cl100k_base")


def _bundled_folder() -> Path | None:
    spec = find_spec("litellm")
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "litellm_core_utils" / "tokenizers"
        if folder.is_dir():
            return folder
    return None
