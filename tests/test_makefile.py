"""The two commands: an install that fails stops them, and is tried again the next time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Makes an environment whose interpreter says what is asked of it, and fails where it is told to.
FAKE = """#!/bin/sh
case "$*" in
  *sys.version_info*) exit 0 ;;
  *"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; printf '#!/bin/sh\\necho answered\\n' > "$3/bin/gadfly"
     chmod +x "$3/bin/gadfly" ;;
  *"requirements interp") echo "torch>=2"; echo "numpy>=2" ;;
  *"install"*"--require-hashes"*"--no-build-isolation"*)
     echo "Requirement already satisfied: all"; exit "$(cat "$(dirname "$0")/../../fails")" ;;
esac
"""


@pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("bash")), reason="needs make and bash"
)
def test_an_install_that_fails_is_not_taken_for_done(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    asked = ["make", "-C", str(ROOT), "ask", f"PYTHON={fake}", f"VENV={tmp_path / 'venv'}"]
    (tmp_path / "fails").write_text("1")
    refused = subprocess.run(asked, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "answered" not in refused.stdout
    assert not (tmp_path / "venv" / ".interp").exists()
    (tmp_path / "fails").write_text("0")
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "answered" in done.stdout
    assert "Requirement already satisfied" not in done.stdout
