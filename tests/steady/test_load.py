"""30 searches at once while another process writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import GADFLY, gadfly, surroundings

pytestmark = pytest.mark.slow


def test_30_searches_at_once_while_another_process_adds(ready: Path, tmp_path: Path) -> None:
    """Ten processes with three threads each: every search finds, and the writer ends well."""
    home = tmp_path / "home"
    shutil.copytree(ready, home)
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(60):
        text = "\n\n".join(f"marker{number} paragraph {n} says words." for n in range(80))
        (notes / f"w{number}.md").write_text(f"# Note {number}\n\n{text}\n")
    search = (
        "import sys, threading\n"
        "from gadfly.corpus import default_corpus\n"
        "corpus, found = default_corpus(), []\n"
        "def look(): found.append(len(corpus.search('logit lens', mode='lexical').results))\n"
        "for _ in range(5):\n"
        "    threads = [threading.Thread(target=look) for _ in range(3)]\n"
        "    [t.start() for t in threads]; [t.join() for t in threads]\n"
        "sys.exit(0 if len(found) == 15 and min(found) > 0 else 1)"
    )
    environment = surroundings(home)
    writer = subprocess.Popen(
        [*GADFLY, "corpus", "add", str(notes), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    readers = [
        subprocess.Popen([sys.executable, "-c", search], stderr=subprocess.PIPE, env=environment)
        for _ in range(10)
    ]
    said = [reader.communicate(timeout=300)[1].decode() for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * 10, said
    _, err = writer.communicate(timeout=300)
    assert writer.returncode == 0, err
    found = gadfly("corpus", "search", "marker59", "--json", home=home)
    assert json.loads(found.stdout)["results"]
