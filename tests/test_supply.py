"""What is installed is what was tested: every file has a hash, and every action of a workflow a commit."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8")
HASHES = {
    entry[1]: re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry[0])
    for entry in re.finditer(r"^([\w.-]+)==.*(?:\n[ ]+--hash.*)*", LOCK, re.MULTILINE)
}


def _requirements(*extras: str) -> list[Requirement]:
    lines = subprocess.run(
        [sys.executable, ROOT / ".ci" / "requirements", *extras],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [Requirement(line) for line in lines]


def test_everything_but_torch_has_a_hash() -> None:
    assert len(HASHES) > 200
    assert [name for name, hashes in HASHES.items() if not hashes] == ["torch"]


def test_the_lock_names_no_registry() -> None:
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_whatever_the_project_asks_for_is_locked() -> None:
    extras = ("interp", "evals", "formats", "dev")
    base, every = _requirements(), _requirements(*extras)
    assert "torch" not in {each.name for each in base}
    assert {each.name for each in base} < {each.name for each in every}
    for each in every:
        pinned = re.search(
            rf"^{re.escape(canonicalize_name(each.name))}==(\S+)", LOCK, re.MULTILINE
        )
        assert pinned, f"{each.name} is not in constraints.txt: make lock"
        assert each.specifier.contains(pinned[1]), f"{each} is locked at {pinned[1]}: make lock"


@pytest.mark.slow
def test_a_wheel_holds_every_file_that_is_read(tmp_path: Path) -> None:
    """Guides, prompts, templates, word lists, weights: whatever lies in a package and is no code."""
    pytest.importorskip("setuptools", "77")
    copy, packages = tmp_path / "copy", ("agent", "corpus", "evals", "prompts", "tools")
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--no-index", copy, "-w", tmp_path], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        held = set(archive.namelist())
    wanted = {f"gadfly/{n}" for n in listed.stdout.splitlines() if n.split("/")[0] in packages}
    assert {
        name for name in wanted - held if (ROOT / name.removeprefix("gadfly/")).exists()
    } == set()
    assert "gadfly/tools/page.html.j2" in held


def test_every_action_is_named_by_its_commit() -> None:
    flows = [ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")]
    used = [
        (flow.name, step["uses"])
        for flow in flows
        for job in _jobs(yaml.safe_load(flow.read_text(encoding="utf-8")))
        for step in job["steps"]
        if "uses" in step
    ]
    assert len(used) >= 3
    for name, action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), (
            f"{name}: {action}"
        )


def test_the_public_workflow_audits_what_is_locked_and_may_write_nothing() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert flow["permissions"] == {"contents": "read"}
    scripts = "\n".join(step.get("run", "") for job in _jobs(flow) for step in job["steps"])
    assert ".ci/run" in scripts
    assert "pip-audit" in scripts
    assert "constraints.txt" in scripts
    assert "--strict" in scripts  # what could not be looked up is no pass
    assert "secrets." not in str(flow)


def _jobs(flow: dict[str, object]) -> list[dict[str, list[dict[str, str]]]]:
    """The jobs of a workflow, or the one run of a composite action."""
    if "jobs" in flow:
        return list(flow["jobs"].values())  # type: ignore[attr-defined]
    return [flow["runs"]]  # type: ignore[list-item]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("tampered", [False, True])
def test_a_file_with_another_hash_is_refused(tmp_path: Path, tampered: bool) -> None:
    wheel = _wheel(tmp_path / "shelf")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    project = tmp_path / "project"
    shutil.copytree(ROOT / ".ci", project / ".ci")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "some-project"\ndependencies = ["tiny"]\noptional-dependencies = {}\n'
    )
    locked = "0" * 64 if tampered else digest
    (project / "constraints.txt").write_text(f"tiny==1.0 --hash=sha256:{locked}\n")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    newest = [tmp_path / "venv/bin/python", "-m", "pip", "--version"]
    shelf = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)}
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")} | shelf
    # The pip of an old Python does not know hashes of constraints; the script brings its own there. Here: ours.
    site = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    for old in site.glob("pip*"):
        shutil.rmtree(old)
    import pip

    shutil.copytree(Path(pip.__file__).parent, site / "pip")
    assert "pip" in subprocess.run(newest, capture_output=True, text=True, check=True).stdout
    done = subprocess.run(
        [project / ".ci" / "dependencies", tmp_path / "venv"],
        capture_output=True,
        text=True,
        env=surroundings,
    )
    assert (done.returncode != 0) is tampered, done.stderr
    assert (site / "tiny.py").exists() is not tampered
    if tampered:
        assert "DO NOT MATCH THE HASHES" in done.stderr


def _wheel(folder: Path) -> Path:
    """A package of one module."""
    folder.mkdir()
    path = folder / "tiny-1.0-py3-none-any.whl"
    parts = {
        "tiny.py": b"",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in parts.items()
    )
    parts["tiny-1.0.dist-info/RECORD"] = f"{record}tiny-1.0.dist-info/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path
