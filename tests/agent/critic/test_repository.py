"""A repository from anyone is read as data: none of its commands runs, nothing of it is written, and the review is
what git itself would show to its user."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.buggy import NORM, NORM_FIXED, NORM_RULE, notebook
from support.cli import gadfly
from support.repository import Repository

from gadfly.agent.jobs.review import review_material
from gadfly.errors import UsageError
from gadfly.tools.review.reading import changes
from gadfly.tools.review.reading.changes import from_base
from gadfly.tools.review.reading.material import SUFFIXES, Material, text_file


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.commit({"a.py": NORM_FIXED, "gone.py": "x = 1\n", "notes.txt": "t\n"})
    made.git("branch", "base")
    return made


def rules(material: Material) -> set[tuple[str, str]]:
    return {(each.path, each.rule) for each in review_material(material, llm="offline").findings}


def told(material: Material) -> list[Any]:
    files = [
        (f.path, f.raw, f.changed, f.shown, f.old_path, f.before, f.partial) for f in material.files
    ]
    return sorted(files, key=lambda each: each[0])


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with its time."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Traps:
    """Commands that leave a file where they ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fired = folder / "fired"
        self.fired.mkdir(parents=True)

    def command(self, name: str) -> str:
        script = self.folder / f"{name}.sh"
        script.write_text(f"#!/bin/sh\ntouch '{self.fired}/{name}'\ncat\n")
        script.chmod(0o755)
        return str(script)

    def seen(self) -> set[str]:
        return {path.name for path in self.fired.iterdir()}


def hostile(repository: Repository, traps: Traps, only: str = "") -> None:
    """Every knob of git that runs a command, turned; or one of them."""
    hooks = traps.folder / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(traps.command(f"hook-{hook}"), hooks / hook)
    included = traps.folder / "included"
    included.write_text(f'[core]\n\tfsmonitor = "{traps.command("included")}"\n')
    values = {
        "core.fsmonitor": "fsmonitor",
        "core.pager": "pager",
        "core.editor": "editor",
        "core.askPass": "askpass",
        "core.sshCommand": "ssh",
        "core.gitProxy": "proxy",
        "credential.helper": "credential",
        "filter.x.clean": "clean",
        "filter.x.smudge": "smudge",
        "filter.x.process": "process",
        "diff.external": "external",
        "diff.x.command": "command",
        "diff.x.textconv": "textconv",
        "pager.diff": "pager-diff",
        "pager.rev-parse": "pager-rev",
        "alias.merge-base": "alias",
        "uploadpack.packObjectsHook": "pack",
        "gpg.program": "gpg",
        "interactive.diffFilter": "interactive",
        "remote.origin.uploadpack": "uploadpack",
    }
    for key, name in values.items():
        if only in ("", name):
            repository.git("config", key, traps.command(name))
    if only:
        return
    for key, value in {
        "core.hooksPath": str(hooks),
        "include.path": str(included),
        "filter.x.required": "true",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "remote.origin.promisor": "true",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{traps.command('fetch')}",
        "core.attributesFile": str(traps.folder / "attributes"),
    }.items():
        repository.git("config", key, value)
    (traps.folder / "attributes").write_text("* filter=x diff=x\n")


def inside(repository: Repository, traps: Traps) -> None:
    """A submodule with traps of its own, and attributes that call for them."""
    sub = Repository(repository.path / "sub.py")
    sub.commit({"s.py": NORM_FIXED})
    (repository.path / ".gitattributes").write_text("* filter=x diff=x\n*.py -diff\n")
    repository.commit({"b.py": NORM_FIXED})
    (sub.path / "s.py").write_text(NORM)
    sub.git("config", "core.fsmonitor", traps.command("submodule-fsmonitor"))
    sub.git("config", "filter.x.clean", traps.command("submodule-clean"))
    (sub.path / ".gitattributes").write_text("* filter=x\n")
    repository.git("branch", "--force", "base")


@pytest.fixture
def trapped(repository: Repository, tmp_path: Path) -> Traps:
    traps = Traps(tmp_path / "traps")
    inside(repository, traps)
    (repository.path / "a.py").write_text(NORM)
    (repository.path / "new.py").write_text(NORM)
    hostile(repository, traps)
    return traps


@pytest.mark.parametrize(
    "name",
    ["fsmonitor", "clean", "process", "external", "textconv", "command", "submodule-fsmonitor"],
)
def test_the_traps_are_live(repository: Repository, tmp_path: Path, name: str) -> None:
    """What the tests below rest on: git itself falls into them."""
    traps = Traps(tmp_path / "traps")
    inside(repository, traps)
    (repository.path / "a.py").write_text(NORM)
    (repository.path / ".gitattributes").write_text("* filter=x diff=x\n")
    hostile(repository, traps, name)
    for arguments in (["status"], ["diff", "base"]):
        subprocess.run(
            ["git", "-C", str(repository.path), *arguments], capture_output=True, timeout=60
        )
    assert name in traps.seen()


def test_no_command_of_the_repository_runs(
    repository: Repository, trapped: Traps, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gadfly.tools.review.tool import review as tool

    before = state(repository.path / ".git")
    trap = trapped.command("environment")
    for name, value in {
        "GIT_EXTERNAL_DIFF": trap,
        "GIT_PAGER": trap,
        "GIT_SSH_COMMAND": trap,
        "GIT_ASKPASS": trap,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": trap,
        "GIT_DIR": str(repository.path / "nowhere"),
        "GIT_TRACE": str(trapped.fired / "trace"),
        "PAGER": trap,
        "GIT_LITERAL_PATHSPECS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    wanted = {("a.py", NORM_RULE), ("new.py", NORM_RULE)}
    assert rules(from_base("base", folder=repository.path)) == wanted
    report: Any = tool(base="base", folder=str(repository.path))
    assert {(each.path, each.rule) for each in report.findings} == wanted
    done = gadfly(
        "review",
        "--base",
        "base",
        "--rules-only",
        "--json",
        home=Path(os.environ["GADFLY_HOME"]),
        cwd=repository.path,
    )
    assert {(f["path"], f["rule"]) for f in json.loads(done.stdout)["findings"]} == wanted
    assert trapped.seen() == set()
    assert state(repository.path / ".git") == before


def test_a_missing_object_is_an_error_and_not_fetched(
    repository: Repository, trapped: Traps
) -> None:
    blob = repository.git("rev-parse", "base:a.py").strip()
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError, match=r"nothing is fetched here.*--diff -"):
        from_base("base", folder=repository.path)
    assert trapped.seen() == set()


def test_a_bare_repository_above_or_here_is_refused(tmp_path: Path) -> None:
    """Such a folder can lie in any checkout, with a configuration of its own."""
    traps = Traps(tmp_path / "traps")
    bare = tmp_path / "outer" / "bare"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    for key in ("core.fsmonitor", "filter.x.clean"):
        subprocess.run(["git", "-C", str(bare), "config", key, traps.command("bare")], check=True)
    (bare / "deep").mkdir()
    for folder in (bare, bare / "deep", bare / "objects"):
        with pytest.raises(UsageError, match="is a bare repository"):
            from_base("main", folder=folder)
    assert traps.seen() == set()


@pytest.mark.parametrize("how", ["file", "link", "commondir", "objects", "worktree"])
def test_another_repository_of_this_machine_is_not_opened(
    repository: Repository, tmp_path: Path, how: str
) -> None:
    """What a folder from elsewhere may try: to have a private repository compared, and its lines shown."""
    private = Repository(tmp_path / "private")
    private.commit({"secret.py": "secret = 1\n"})
    root = tmp_path / "mine"
    if how in ("file", "link"):
        root.mkdir()
        if how == "file":
            (root / ".git").write_text(f"gitdir: {private.path / '.git'}\n")
        else:
            (root / ".git").symlink_to(private.path / ".git")
    else:
        made = Repository(root)
        made.commit({"a.py": "x = 1\n"})
        if how == "commondir":
            (root / ".git" / "commondir").write_text(f"{private.path / '.git'}\n")
            (root / ".git" / "gitdir").write_text(f"{root / '.git'}\n")
        elif how == "objects":
            shutil.rmtree(root / ".git" / "objects")
            (root / ".git" / "objects").symlink_to(private.path / ".git" / "objects")
        else:
            made.git("config", "core.worktree", str(private.path))
    with pytest.raises(UsageError, match=r"does not point back to it.*--diff -"):
        from_base("main", folder=root)


def test_a_linked_work_tree_and_a_submodule_are_reviewed(
    repository: Repository, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "--quiet", "-b", "other", str(linked))
    (linked / "a.py").write_text(NORM)
    assert rules(from_base("base", folder=linked)) == {("a.py", NORM_RULE)}
    assert rules(from_base("HEAD", folder=linked)) == {("a.py", NORM_RULE)}
    assert not rules(from_base("base", folder=repository.path))
    repository.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(repository.path),
        "sub",
    )
    sub = repository.path / "sub"
    assert (sub / ".git").is_file()
    (sub / "a.py").write_text(NORM)
    assert rules(from_base("main", folder=sub)) == {("a.py", NORM_RULE)}


def test_names_of_a_base_mean_what_git_means(repository: Repository) -> None:
    repository.git("branch", "work")
    repository.commit({"c.py": NORM_FIXED})
    repository.git("config", "branch.main.remote", ".")
    repository.git("config", "branch.main.merge", "refs/heads/work")
    repository.git("tag", "-a", "v1", "-m", "m", "base")
    repository.git("pack-refs", "--all")
    (repository.path / "a.py").write_text(NORM)
    for name in (
        "base",
        "HEAD~1",
        "@{upstream}",
        "v1",
        "HEAD@{1}",
        repository.git("rev-parse", "base")[:9],
    ):
        assert {f.path for f in from_base(name, folder=repository.path).files} == {"a.py", "c.py"}
    repository.git("checkout", "--quiet", "--detach")
    assert {f.path for f in from_base("base", folder=repository.path).files} == {"a.py", "c.py"}


def test_a_shallow_clone_and_no_common_history(repository: Repository, tmp_path: Path) -> None:
    repository.git("checkout", "--quiet", "--orphan", "apart")
    repository.commit({"a.py": NORM})
    with pytest.raises(UsageError, match="no common history of 'main'"):
        from_base("main", folder=repository.path)
    repository.git("checkout", "--quiet", "main")
    repository.commit({"a.py": NORM})
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{repository.path}", str(shallow)],
        check=True,
    )
    assert not from_base("HEAD", folder=shallow).files
    with pytest.raises(UsageError, match="git knows no commit 'HEAD~1'"):
        from_base("HEAD~1", folder=shallow)


def test_an_empty_repository_and_odd_names_are_one_line(tmp_path: Path) -> None:
    empty = Repository(tmp_path / "empty")
    for base in ("main", "HEAD", "a\0b", "\ud800", "a\nb", "@{u}", "^", ":/x"):
        with pytest.raises(UsageError) as caught:
            from_base(base, folder=empty.path)
        assert "\n" not in str(caught.value)


def test_sha256(tmp_path: Path) -> None:
    made = Repository.__new__(Repository)
    made.path = tmp_path / "new"
    made.path.mkdir()
    made.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    made.commit({"a.py": NORM_FIXED})
    (made.path / "a.py").write_text(NORM)
    assert rules(from_base("main", folder=made.path)) == {("a.py", NORM_RULE)}


def test_line_ends_alone_are_no_change(repository: Repository) -> None:
    repository.commit(
        {"w.py": NORM_FIXED.replace("\n", "\r\n"), ".gitattributes": "*.ipynb text\n"}
    )
    (repository.path / "a.py").write_bytes(NORM_FIXED.replace("\n", "\r\n").encode())
    (repository.path / "w.py").write_bytes(NORM_FIXED.encode())
    assert not from_base("main", folder=repository.path).files
    (repository.path / "a.py").write_bytes(NORM.replace("\n", "\r\n").encode())
    material = from_base("main", folder=repository.path)
    assert rules(material) == {("a.py", NORM_RULE)}
    assert len(material.files[0].changed or ()) < 5


def test_python_that_calls_itself_binary_is_reviewed(repository: Repository) -> None:
    repository.commit({".gitattributes": "*.py binary -text\n"})
    (repository.path / "a.py").write_text(NORM)
    (repository.path / "gone.py").write_bytes(b"x = 1\n\0\n")
    assert {f.path for f in from_base("main", folder=repository.path).files} == {"a.py", "gone.py"}


def test_odd_files_of_the_work_tree(repository: Repository) -> None:
    """Pipes, links out, names that are no text: read as they are, or left alone; never an endless wait."""
    root = repository.path
    os.mkfifo(root / "pipe.py")
    (root / "out.py").symlink_to("/etc/passwd")
    (root / "gone.py").unlink()
    (root / "gone.py").symlink_to("/etc/passwd")
    (root / "two\nlines.py").write_text(NORM)
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.py")).write_text(NORM)
    material = from_base("base", folder=root)
    assert {"two\nlines.py", "caf\ufffd.py"} <= {path for path, _ in rules(material)}
    assert not any("root:" in file.raw for file in material.files)
    for name in ("packed-refs", "index", "HEAD"):
        place = root / ".git" / name
        place.unlink(missing_ok=True)
        os.mkfifo(place)
        if name != "HEAD":
            assert {"two\nlines.py"} <= {file.path for file in from_base("base", folder=root).files}
    with pytest.raises(UsageError, match="not a git repository"):
        from_base("base", folder=root)


def test_a_reference_that_never_ends_is_given_up(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gadfly.tools.review.reading.repository._SECONDS", 1)
    os.mkfifo(repository.path / ".git" / "refs" / "heads" / "pipe")
    with pytest.raises(UsageError, match=r"took longer than 1 s.*--diff -"):
        from_base("pipe", folder=repository.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
def test_files_of_another_owner_are_only_read(repository: Repository) -> None:
    """Git refuses such a repository because of what it might run; here nothing can."""
    (repository.path / "a.py").write_text(NORM)
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 12345, 12345)
    assert rules(from_base("base", folder=repository.path)) == {("a.py", NORM_RULE)}


def test_what_the_user_ignores_everywhere_is_ignored(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    excludes = tmp_path / "excludes"
    excludes.write_text("mine_*.py\n")
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\texcludesFile = {excludes}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    settings.rename(tmp_path / ".gitconfig")
    (repository.path / ".git" / "info" / "exclude").write_text("local.py\n")
    (repository.path / ".gitignore").write_text("ignored.py\n")
    for name in ("mine_1.py", "local.py", "ignored.py", "new.py"):
        (repository.path / name).write_text(NORM)
    assert {f.path for f in from_base("base", folder=repository.path).files} == {"new.py"}
    (tmp_path / ".gitconfig").unlink()
    (tmp_path / "xdg" / "git").mkdir(parents=True)
    (tmp_path / "xdg" / "git" / "ignore").write_text("new.py\n")
    assert {f.path for f in from_base("base", folder=repository.path).files} == {"mine_1.py"}


@pytest.mark.parametrize("name", ['q"uo:te', "two\nlines", "caf\udce9", " space ", "back\\slash"])
def test_a_repository_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    made = Repository(tmp_path / name)
    made.commit({"a.py": NORM_FIXED})
    (made.path / "a.py").write_text(NORM)
    assert rules(from_base("main", folder=made.path)) == {("a.py", NORM_RULE)}


@pytest.mark.parametrize("relative", [False, True])
def test_a_clone_that_shares_objects(
    repository: Repository, tmp_path: Path, relative: bool
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--shared", str(repository.path), str(clone)], check=True
    )
    if relative:
        place = clone / ".git" / "objects" / "info" / "alternates"
        place.write_text("../../../repository/.git/objects\n")
    (clone / "a.py").write_text(NORM)
    assert rules(from_base("HEAD", folder=clone)) == {("a.py", NORM_RULE)}


FORMS = {
    "split": ["update-index", "--split-index"],
    "untracked cache": ["update-index", "--force-untracked-cache"],
    "new format": ["update-index", "--index-version", "4"],
    "intended": ["add", "--intent-to-add", "new.py"],
    "assumed": ["update-index", "--assume-unchanged", "gone.py"],
    "sparse": ["sparse-checkout", "set", "sub"],
    "sparse index": ["sparse-checkout", "set", "--cone", "--sparse-index", "sub"],
    "conflict": ["merge", "--quiet", "other"],
    "forgotten": ["rm", "--quiet", "--cached", "gone.py"],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_index_mean_what_git_means(repository: Repository, form: str) -> None:
    files = {"sub/s.py": NORM_FIXED, "far/f.py": NORM_FIXED, "sub/t.py": "t = 1\n"}
    repository.commit(dict(files))
    repository.git("branch", "--force", "base")
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit({"sub/t.py": "t = 2\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"sub/t.py": "t = 3\n"})
    (repository.path / "new.py").write_text(NORM)
    with suppress(subprocess.CalledProcessError):  # a conflict is one
        repository.git(*FORMS[form])
    (repository.path / "sub/s.py").write_text(NORM)
    if (repository.path / "gone.py").exists():
        (repository.path / "gone.py").write_text("x = 2\n")
    assert told(from_base("base", folder=repository.path)) == told(
        as_git_shows_it(repository, "base")
    )


def test_a_replacement_hides_no_change(repository: Repository) -> None:
    """``git replace`` shows another object in the place of one: a base that equals the work has no changes."""
    repository.git("branch", "--force", "base")
    repository.commit({"a.py": NORM})
    honest = told(from_base("base", folder=repository.path))
    repository.git("replace", "base:a.py", "HEAD:a.py")
    assert told(from_base("base", folder=repository.path)) == honest
    assert honest != told(from_base("HEAD", folder=repository.path))


def as_git_shows_it(repository: Repository, base: str) -> Material:
    """The oracle: plain git over an honest repository."""
    start = repository.git("merge-base", base, "HEAD").strip()
    diff = repository.git(
        "-c",
        "core.quotePath=true",
        "diff",
        "--no-color",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--find-renames",
        start,
        "--",
    )
    material = changes._material(f"changes since {base}", diff, repository.path, [], empty=True)
    others = repository.git("ls-files", "-z", "--others", "--exclude-standard").split("\0")
    for name in others:
        if name.endswith(SUFFIXES):
            text = changes._read(repository.path, name)
            assert text is not None
            material.files.append(text_file(name, text))
    return material


@pytest.mark.parametrize("seed", range(8))
def test_the_same_as_plain_git_on_made_up_histories(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    made = Repository(tmp_path / "made")
    made.commit(
        {
            ".gitignore": "ignored*\nbuild/\n",
            "a.py": NORM_FIXED,
            "sub/n.ipynb": notebook(NORM_FIXED),
        }
    )
    names = [
        "a.py",
        "b c.py",
        "naïve.py",
        'q"uote.py',
        "tab\t.py",
        "sub/n.ipynb",
        "sub/d.py",
        "x.txt",
        "ignored.py",
    ]

    def text(name: str) -> str:
        lines = [f"v{chance.randrange(9)} = {chance.random():.3f}  # {name}" for _ in range(30)]
        body = "\n".join(lines) + chance.choice(["\n", ""])
        return notebook(body, chance.choice([NORM, NORM_FIXED])) if name.endswith("ipynb") else body

    def work(turns: int) -> None:
        for _ in range(turns):
            name = chance.choice(names)
            path = made.path / name
            what = chance.choice(
                ["write", "write", "edit", "edit", "delete", "move", "stage", "commit", "mode"]
            )
            if what == "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(name))
            elif what == "edit" and path.exists():
                path.write_text(path.read_text().replace("v1", "w", 1) + "# more\n")
            elif what == "delete" and path.exists():
                path.unlink()
            elif what == "move" and path.exists():
                path.rename(path.with_name(f"moved{chance.randrange(99)}{path.suffix}"))
            elif what == "mode" and path.exists():
                path.chmod(chance.choice([0o644, 0o755]))
            elif what == "stage":
                made.git("add", "--all")
            elif what == "commit":
                made.git("add", "--all")
                made.git("commit", "--quiet", "--allow-empty", "--message", "m")

    work(15)
    made.git("add", "--all")
    made.git("commit", "--quiet", "--allow-empty", "--message", "m")
    made.git("branch", "base")
    made.git("checkout", "--quiet", "-b", "work")
    work(25)
    found, wanted = from_base("base", folder=made.path), as_git_shows_it(made, "base")
    assert told(found) == told(wanted)
    assert found.notices == wanted.notices
    assert rules(found) == rules(wanted)
