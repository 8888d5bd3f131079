"""Which licence a text is, by the words that only it has. Leaves out everything but the common ones."""

from __future__ import annotations

import re

from gadfly.corpus.convert.facts import cc_name

# In this order: the words of some licences are part of others.
_MARKS = (
    ("Apache-2.0", "apache license version 2.0"),
    ("AGPL-3.0", "gnu affero general public license version 3"),
    ("LGPL-3.0", "gnu lesser general public license version 3"),
    ("LGPL-2.1", "gnu lesser general public license version 2.1"),
    ("GPL-3.0", "gnu general public license version 3"),
    ("GPL-2.0", "gnu general public license version 2"),
    ("MPL-2.0", "mozilla public license version 2.0"),
    ("BSD-3-Clause", "neither the name of"),
    ("BSD-2-Clause", "redistributions in binary form must reproduce the above copyright"),
    ("ISC", "permission to use, copy, modify, and/or distribute this software for any"),
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("Unlicense", "this is free and unencumbered software released into the public domain"),
    ("CC0-1.0", "cc0 1.0 universal"),
    ("CC-BY-NC-SA-4.0", "attribution-noncommercial-sharealike 4.0"),
    ("CC-BY-NC-4.0", "attribution-noncommercial 4.0"),
    ("CC-BY-SA-4.0", "attribution-sharealike 4.0"),
    ("CC-BY-4.0", "attribution 4.0 international"),
)
FILES = re.compile(r"(?i)^(licen[cs]e|copying|unlicense)([.-](md|txt|rst|mit|apache|bsd))?$")


def name_of(text: str) -> str | None:
    """The SPDX name of a licence's text, or None."""
    start = " ".join(re.sub(r"[^\w.,/()-]+", " ", text[:8_000]).lower().split())
    start = start.replace("version 2, ", "version 2 ").replace(
        "license, version", "license version"
    )
    return next((name for name, mark in _MARKS if mark in start), None) or cc_name(text[:8_000])
