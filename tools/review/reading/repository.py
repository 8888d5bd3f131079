"""A git repository read as data: nothing of it is executed, and nothing in it is written.

Git runs what a repository's configuration names: monitors, filters, pagers, external diffs, helpers that fetch. So the
configuration is not read. Git works in a folder of our own (``GIT_DIR``) that borrows the repository's objects, refs
and a copy of its index, under a configuration of our own with no command in it; only harmless keys are copied. So git
still compares, finds renames and knows what is ignored, as it would for its user. Submodules are not entered: there git
would start a second git under their configuration.

A ``.git`` that leads out of the folder counts only if the place it leads to points back, as those of linked worktrees
and submodules do: a folder from elsewhere must not open another repository of this machine. Grafts are left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gadfly.errors import UsageError

_SECONDS = 120
_KEPT = (
    r"^(extensions\.(objectformat|refstorage)|core\.(ignorecase|precomposeunicode|symlinks|filemode|worktree)"
    r"|branch\..*\.(remote|merge)|remote\..*\.fetch)$"
)
_OWN = (
    "[core]\n\tbare = false\n\trepositoryFormatVersion = {version}\n\tfsmonitor = false\n\thooksPath = {null}\n"
    "\tattributesFile = {null}\n\texcludesFile = {null}\n\tuntrackedCache = false\n\tquotePath = true\n"
    "[protocol]\n\tallow = never\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
)
# The last word on attributes: a repository must not hide its Python as binary.
_ATTRIBUTES = "* -filter\n*.py diff\n*.ipynb diff\n"
_HEADS = ("FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD")
_INSTEAD = "give a diff instead: git diff BASE | gadfly review --diff -"
_LONGEST = 1_000_000  # characters of a file that names one place
_LINK = re.compile(r"gitdir: (.*?)\n*\Z", re.DOTALL)


class Repository:
    """One work tree, for as long as :func:`opened` lasts."""

    def __init__(self, root: Path, own: Path, shallow: bool) -> None:
        self.root = root
        self._own = own
        self._shallow = shallow

    def start_of_work(self, base: str) -> str:
        """The commit where the work at hand left ``base``. Raises UsageError if there is none."""
        found = self._try(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}"
        )
        if found is None:
            raise UsageError(f"git knows no commit {base!r}; see: git branch -a")
        start = self._try("merge-base", found, "HEAD")
        if start is None:
            way = "git fetch --unshallow" if self._shallow else "name a base that it comes from"
            raise UsageError(f"git finds no common history of {base!r} and HEAD; {way}")
        return start

    def changes(self, start: str, suffixes: tuple[str, ...]) -> tuple[str, list[bytes]]:
        """What the work tree changed since a commit: a diff of the files with these endings, names of the others."""
        common = (
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=all",
            "--find-renames",
        )
        # Line ends are the platform's, or an editor's: not a change of the code.
        shape = ("--ignore-cr-at-eol", "--src-prefix=a/", "--dst-prefix=b/", "--patch")
        wanted = [f"*{each}" for each in suffixes]
        diff = self._git(*common, *shape, start, "--", *wanted)
        rest = [":(top)", *(f":(exclude){each}" for each in wanted)]
        others = self._git(*common, "--ignore-cr-at-eol", "--name-only", "-z", start, "--", *rest)
        return diff.decode("utf-8", "replace"), _names(others)

    def untracked(self) -> list[bytes]:
        """Files that git neither tracks nor ignores."""
        ignored = [
            path for path in (_users_excludes(), self._own / "info" / "exclude") if path.is_file()
        ]
        said = self._git(
            "ls-files",
            "-z",
            "--others",
            "--exclude-per-directory=.gitignore",
            *(f"--exclude-from={path}" for path in ignored),
        )
        return _names(said)

    def _git(self, *arguments: str) -> bytes:
        done = _run(self._own, self.root, arguments)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            why = said[-1] if said else f"exit code {done.returncode}"
            raise UsageError(f"git {arguments[0]}: {why} (nothing is fetched here); {_INSTEAD}")
        return done.stdout

    def _try(self, *arguments: str) -> str | None:
        done = _run(self._own, self.root, arguments)
        lines = done.stdout.decode("utf-8", "replace").split()
        return lines[0] if not done.returncode and lines else None


@contextmanager
def opened(folder: Path) -> Iterator[Repository]:
    """The repository that a folder is in.

    Raises:
        UsageError: there is none, git is missing, or it leads somewhere else.
    """
    root, gitdir, common = _found(folder.resolve())
    with tempfile.TemporaryDirectory(prefix="gadfly-git-") as made:
        own = Path(made)
        try:
            _borrow(own, gitdir, common)
            told = [*_told(own, common / "config"), *_told(own, gitdir / "config.worktree")]
            _check_way(
                root, gitdir, common, [value for key, value in told if key == "core.worktree"]
            )
            _configure(own, told)
        except OSError as error:
            raise UsageError(
                f"cannot read {gitdir} ({error.strerror or error}); {_INSTEAD}"
            ) from error
        yield Repository(root, own, (own / "shallow").exists())


def _found(folder: Path) -> tuple[Path, Path, Path]:
    """The work tree, its git folder, and the one that this shares with other work trees."""
    for root in (folder, *folder.parents):
        link = root / ".git"
        if link.is_file():
            gitdir = _target(link)
        elif _is_repository(link):
            gitdir = link.resolve()
        elif _is_repository(root):
            raise UsageError(
                f"{root} is a bare repository, or the inside of one: git has no work tree there; go to a work tree"
            )
        else:
            continue
        shared = _line(gitdir / "commondir")
        return root, gitdir, (gitdir / shared).resolve() if shared else gitdir
    raise UsageError(f"{folder} is not a git repository, nor is any folder above it")


def _is_repository(folder: Path) -> bool:
    head = folder / "HEAD"
    whole = (folder / "objects").is_dir() and (folder / "refs").is_dir()
    return (head.is_file() or head.is_symlink()) and (whole or (folder / "commondir").is_file())


def _target(link: Path) -> Path:
    found = _LINK.match(_text(link))
    gitdir = (link.parent / found[1]).resolve() if found else None
    if gitdir is None or not _is_repository(gitdir):
        raise UsageError(f"{link} leads to no git repository; {_INSTEAD}")
    return gitdir


def _check_way(root: Path, gitdir: Path, common: Path, worktrees: list[str]) -> None:
    """A way out of the work tree is answered by one back; a work tree is not put elsewhere."""
    if gitdir != common:  # a linked work tree
        back = _line(gitdir / "gitdir")
        answered = gitdir.parent == common / "worktrees" and _same(gitdir / back, root / ".git")
    elif worktrees:  # a submodule says where its work tree is
        answered = all(_same(gitdir / each, root) for each in worktrees)
    else:
        answered = gitdir.is_relative_to(root)
    borrowed = ("objects", "refs", "packed-refs", "reftable", "shallow", "config", "logs")
    if not answered or not all(
        (common / each).resolve().is_relative_to(common) for each in borrowed
    ):
        raise UsageError(
            f"the repository of {root} lies in {common}, which does not point back to it; {_INSTEAD}"
        )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _borrow(own: Path, gitdir: Path, common: Path) -> None:
    """Objects and refs by links; what git might write, as a copy."""
    for name in ("info", "objects/info", "logs"):
        (own / name).mkdir(parents=True)
    quoted = str(common / "objects").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(f'"{quoted}"\n'))
    links = {name: common / name for name in ("refs", "packed-refs", "reftable", "shallow")}
    links |= {"logs/refs": common / "logs" / "refs", "logs/HEAD": gitdir / "logs" / "HEAD"}
    links |= {path.name: path for path in gitdir.glob("sharedindex.*")}
    for name, place in links.items():
        if place.is_file() or place.is_dir():  # a pipe would never end
            (own / name).symlink_to(place)
    head = gitdir / "HEAD"
    target = f"ref: {head.readlink()}\n" if head.is_symlink() else _text(head)
    (own / "HEAD").write_text(target, encoding="utf-8", errors="surrogateescape")
    copied = {name: gitdir / name for name in (*_HEADS, "index")}
    copied["info/exclude"] = common / "info" / "exclude"
    for name, place in copied.items():
        if place.is_file():
            # With its time: git tells by it which entries it may trust.
            shutil.copy2(place, own / name)
    (own / "info" / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")


def _told(own: Path, config: Path) -> list[tuple[str, str]]:
    """The harmless keys of one configuration file, and where it puts the work tree; includes are not followed."""
    if not config.is_file():
        return []
    done = _run(
        own, own, ("config", "--file", str(config), "--no-includes", "-z", "--get-regexp", _KEPT)
    )
    if done.returncode not in (0, 1):  # 1: it has none of them
        raise UsageError(f"git cannot read {config}; {_INSTEAD}")
    entries = done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    pairs = (entry.partition("\n") for entry in entries)
    return [(key, value if line else "true") for key, line, value in pairs]


def _configure(own: Path, told: list[tuple[str, str]]) -> None:
    kept = [(key, value) for key, value in told if key != "core.worktree"]
    version = int(any(key.startswith("extensions.") for key, _ in kept))
    text = _OWN.format(version=version, null=os.devnull)
    for key, value in kept:
        section, _, name = key.rpartition(".")
        section, _, part = section.partition(".")
        text += f"[{section} {_quoted(part)}]\n" if part else f"[{section}]\n"
        text += f"\t{name} = {_quoted(value)}\n"
    (own / "config").write_text(text, encoding="utf-8", errors="surrogateescape")


def _quoted(value: str) -> str:
    escaped = (
        value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    )
    return f'"{escaped}"'


def _names(said: bytes) -> list[bytes]:
    return [name for name in said.split(b"\0") if name]


def _line(path: Path) -> str:
    return _text(path).strip("\n") if path.is_file() else ""


def _text(path: Path) -> str:
    """A short file of git's own. A pipe or device in its place would never end."""
    if not path.is_file():
        raise UsageError(f"{path} is no file; {_INSTEAD}")
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        return file.read(_LONGEST)


def _users_excludes() -> Path:
    """What the user, not the repository, has git ignore everywhere."""
    with tempfile.TemporaryDirectory(prefix="gadfly-git-") as nowhere:
        line = ["git", "config", "--global", "--includes", "--path", "--get", "core.excludesFile"]
        environment = _clean_environment() | {
            "GIT_DIR": nowhere,
            "GIT_CEILING_DIRECTORIES": nowhere,
        }
        said = subprocess.run(
            line, cwd=nowhere, env=environment, capture_output=True, timeout=_SECONDS
        )
    named = os.fsdecode(said.stdout.rstrip(b"\n"))
    if named:
        return Path(named)
    settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(settings) / "git" / "ignore"


def _clean_environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _run(own: Path, where: Path, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    environment = _clean_environment() | {
        "HOME": str(own),
        "XDG_CONFIG_HOME": str(own),
        "GIT_DIR": str(own),
        "GIT_WORK_TREE": str(where),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=where,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise UsageError(
            "--base needs git, which is not installed; give a diff with --diff"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {arguments[0]} took longer than {_SECONDS} s; {_INSTEAD}") from None
    except ValueError:  # a NUL or half a character: no argument of any program
        raise UsageError(f"git takes no such argument: {arguments[-1]!r}") from None
