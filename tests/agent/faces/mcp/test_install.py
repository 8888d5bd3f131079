"""The entry in each client's configuration: others untouched, twice is once, taken out again byte for byte."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gadfly.agent.faces.cli.mcp import mcp
from gadfly.agent.faces.mcp.install.change import shipped
from gadfly.agent.faces.mcp.install.clients import CLIENTS
from gadfly.agent.faces.mcp.server import build
from gadfly.errors import UsageError

JSON = ("claude-code", "cursor", "vscode")
SECRET = "sk-of-another-server"


@pytest.fixture(autouse=True)
def _a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home, project = tmp_path / "user", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("APPDATA", str(home / "AppData"))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)
    return home


def gadfly(*arguments: str) -> Result:
    return CliRunner().invoke(mcp, arguments, catch_exceptions=False)


def install(client: str, *more: str) -> Result:
    return gadfly("install", "--client", client, *more)


def uninstall(client: str, *more: str) -> Result:
    return gadfly("uninstall", "--client", client, *more)


def entry(client: str, scope: str = "user") -> dict[str, Any]:
    found = CLIENTS[client]
    text = found.config(scope).read_text()
    data: dict[str, Any] = json.loads(text) if found.form == "json" else tomllib.loads(text)
    servers: dict[str, Any] = data[found.key]
    return dict(servers["gadfly"])


def files(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("client", CLIENTS)
def test_into_an_empty_place_and_out_again(client: str, scope: str, tmp_path: Path) -> None:
    before = files(tmp_path)
    assert install(client, "--scope", scope).exit_code == 0
    found = entry(client, scope)
    assert found["args"][-1] == "mcp"
    assert found["env"] == {"GADFLY_HOME": os.environ["GADFLY_HOME"]}
    assert found.get("type", "stdio") == "stdio"
    once = files(tmp_path)
    again = install(client, "--scope", scope)
    assert "Nothing to change." in again.stderr and files(tmp_path) == once
    assert uninstall(client, "--scope", scope).exit_code == 0
    assert files(tmp_path) == before
    assert "Nothing to change." in uninstall(client, "--scope", scope).stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_a_dry_run_shows_and_writes_nothing(client: str, tmp_path: Path) -> None:
    before = files(tmp_path)
    shown = install(client, "--dry-run")
    assert str(CLIENTS[client].config("user")) in shown.stderr and '"mcp"' in shown.stderr
    told = json.loads(install(client, "--dry-run", "--json").stdout)
    assert told["written"] is False and told["files"][0]["action"] == "created"
    assert files(tmp_path) == before


@pytest.mark.parametrize("client", JSON)
def test_other_entries_stay_and_come_back_byte_for_byte(client: str) -> None:
    found = CLIENTS[client]
    path = found.config("user")
    path.parent.mkdir(parents=True, exist_ok=True)
    others = {
        "numStartups": 7,
        found.key: {"other": {"command": "x", "env": {"KEY": SECRET}}},
        "ünïcode": ["é", 1.5, None],
    }
    text = json.dumps(others, indent=4, ensure_ascii=False)  # no newline at the end
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    done = install(client)
    assert SECRET not in done.output + done.stderr
    now = json.loads(path.read_text(encoding="utf-8"))
    assert now.pop(found.key).keys() == {"other", "gadfly"}
    assert now == {key: value for key, value in others.items() if key != found.key}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    backup = path.with_name(path.name + ".before-gadfly")
    assert backup.read_text(encoding="utf-8") == text
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    uninstall(client)
    assert path.read_text(encoding="utf-8") == text and not backup.exists()


def test_what_changed_meanwhile_is_kept_when_it_is_taken_out() -> None:
    path = CLIENTS["cursor"].config("user")
    path.parent.mkdir()
    path.write_text('{"mcpServers": {"other": {}}}')
    install("cursor")
    data = json.loads(path.read_text())
    data["mcpServers"]["newer"] = {"url": "x"}
    path.write_text(json.dumps(data))
    uninstall("cursor")
    assert json.loads(path.read_text()) == {"mcpServers": {"other": {}, "newer": {"url": "x"}}}


def test_what_the_server_may_reach_is_written_into_the_entry(tmp_path: Path) -> None:
    install("codex", "--allow", str(tmp_path), "--allow", ".", "--allow-fetch", "--allow-send")
    here = str(Path.cwd().resolve())
    options = ["--allow", str(tmp_path.resolve()), "--allow", here, "--allow-fetch", "--allow-send"]
    assert entry("codex")["args"][-7:] == ["mcp", *options]
    install("codex")
    assert entry("codex")["args"][-1] == "mcp"


MINE = {"command": "old", "args": [], "env": {"HF_HOME": "/data"}, "alwaysLoad": True}


def test_what_a_user_added_to_the_entry_stays() -> None:
    path = CLIENTS["claude-code"].config("user")
    path.write_text(json.dumps({"mcpServers": {"gadfly": MINE}}))
    install("claude-code")
    found = entry("claude-code")
    assert found["alwaysLoad"] is True and found["env"]["HF_HOME"] == "/data"
    assert found["command"] != "old"


def test_what_came_with_a_checkout_does_not_stay_and_is_named() -> None:
    """Its environment would say where keys go. The user's own file is the other case, above."""
    path = CLIENTS["claude-code"].config("project")
    theirs = {**MINE, "env": {"OPENROUTER_API_BASE": "http://evil", "GADFLY_ALLOW_PRIVATE": "1"}}
    path.write_text(json.dumps({"mcpServers": {"gadfly": theirs}}))
    shown = install("claude-code", "--scope", "project").stderr
    found = entry("claude-code", "project")
    assert found["env"] == {"GADFLY_HOME": os.environ["GADFLY_HOME"]} and "alwaysLoad" not in found
    assert "alwaysLoad, env.GADFLY_ALLOW_PRIVATE, env.OPENROUTER_API_BASE" in shown
    assert "Nothing to change." in install("claude-code", "--scope", "project").stderr


@pytest.mark.parametrize("more", [[], ["--skill"]])
def test_a_checkouts_link_to_the_users_own_file_is_refused(more: list[str], tmp_path: Path) -> None:
    own = tmp_path / "user" / "own"
    own.write_text("{}")
    found = CLIENTS["codex"]
    link = Path.cwd() / (found.project_rules if more else found.project_config)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(own)
    with pytest.raises(UsageError, match="leads out of this folder; nothing was changed"):
        install("codex", "--scope", "project", *more)
    assert own.read_text() == "{}"


TOML = """# my settings
model = "gpt"   # the best

[mcp_servers.other]
command = "x"
[mcp_servers.other.env]
KEY = "sk-of-another-server"

# the end
[tui]
theme = "dark"
"""


def test_codex_keeps_comments_and_comes_back_byte_for_byte() -> None:
    path = CLIENTS["codex"].config("user")
    path.parent.mkdir()
    path.write_text(TOML)
    install("codex")
    text = path.read_text()
    assert text.startswith(TOML)
    data = tomllib.loads(text)
    assert data["mcp_servers"].keys() == {"other", "gadfly"}
    assert data["mcp_servers"]["gadfly"]["tool_timeout_sec"] == 600
    uninstall("codex")
    assert path.read_text() == TOML


@pytest.mark.parametrize(
    "text",
    [
        "mcp_servers = { other = { command = 'x' } }\n# c\n[t]\na = 1\n",
        "[mcp_servers]\nother = { command = 'x' }  # o\n\n[t]\na = 1\n",
        "mcp_servers.other.command = 'x'\n[t]\na = 1\n",
        "# a\r\n[mcp_servers.other]\r\ncommand = 'x'\r\n",
        "notify = [\n  'a', # one\n]\n[[profiles]]\nn = 1\n[projects.\"/a/b\"]\ntrust_level = 'trusted'",
    ],
)
def test_codex_in_every_form_that_toml_has(text: str) -> None:
    path = CLIENTS["codex"].config("user")
    path.parent.mkdir()
    path.write_text(text, newline="")
    install("codex")
    data = tomllib.loads(path.read_bytes().decode())
    assert data["mcp_servers"].pop("gadfly")["args"][-1] == "mcp"
    assert {key: value for key, value in data.items() if value} == tomllib.loads(text)
    assert all(line in path.read_text() for line in text.splitlines() if "#" in line)
    once = path.read_bytes()
    assert "Nothing to change." in install("codex").stderr and path.read_bytes() == once
    assert (b"\r\n" in once) == ("\r\n" in text) and once.count(b"\r\n") in (0, once.count(b"\n"))
    uninstall("codex")
    assert path.read_bytes() == text.encode()


def test_codex_keeps_what_a_user_wrote_into_the_entry() -> None:
    path = CLIENTS["codex"].config("user")
    path.parent.mkdir()
    mine = "[mcp_servers.gadfly]\ncommand = 'old'  # mine\nargs = []\n\n[mcp_servers.gadfly.env]\nHF_HOME = '/d'\n"
    path.write_text(f"{mine}\n# about the next\n[mcp_servers.other]\ncommand = 'y'\n")
    install("codex")
    found = entry("codex")
    assert found["command"] != "old" and found["env"]["HF_HOME"] == "/d"
    text = path.read_text()
    assert "# mine" in text and "# about the next" in text
    uninstall("codex")
    left = [line for line in path.read_text().splitlines() if line]
    assert left == ["# about the next", "[mcp_servers.other]", "command = 'y'"]


def test_codex_taken_out_of_the_middle() -> None:
    path = CLIENTS["codex"].config("user")
    install("codex")
    later = "\n# about the screen\n[tui]\ntheme = 'dark'\n"
    path.write_text("model = 'gpt'\n\n" + path.read_text() + later)
    assert "Nothing to change." in install("codex").stderr
    uninstall("codex")
    left = [line for line in path.read_text().splitlines() if line]
    assert left == ["model = 'gpt'", "# about the screen", "[tui]", "theme = 'dark'"]


@pytest.mark.parametrize(
    ("client", "text", "said"),
    [
        ("vscode", '{\n  // mine\n  "servers": {}\n}', "is not plain JSON"),
        ("cursor", '{"mcpServers": []}', "has no table mcpServers"),
        ("cursor", "[]", "has no table mcpServers"),
        ("codex", "= broken", "is not plain TOML"),
        ("codex", "mcp_servers = 3", "has no table mcp_servers"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(client: str, text: str, said: str) -> None:
    path = CLIENTS[client].config("user")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as refused:
        install(client)
    assert "Add by hand" in str(refused.value) and "mcp" in str(refused.value)
    assert path.read_text() == text


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.json"
    kept.write_text("{}")
    path = CLIENTS["cursor"].config("user")
    path.parent.mkdir()
    path.symlink_to(kept)
    install("cursor")
    assert path.is_symlink() and "gadfly" in kept.read_text()
    uninstall("cursor")
    assert path.is_symlink() and kept.read_text() == "{}"


@pytest.mark.parametrize("client", CLIENTS)
def test_the_rules_are_written_and_taken_out(client: str, tmp_path: Path) -> None:
    found = CLIENTS[client]
    path = Path.cwd() / found.project_rules
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# Ours\n\nUse tabs.\n")
    before = files(tmp_path)
    install(client, "--scope", "project", "--skill")
    text = path.read_text()
    assert shipped(found).strip() in text
    assert ("Use tabs." in text) is found.shares_rules
    once = files(tmp_path)
    install(client, "--scope", "project", "--skill")
    assert files(tmp_path) == once
    uninstall(client, "--scope", "project")
    assert files(tmp_path) == before


def test_rules_for_every_project_where_there_is_no_file_for_them() -> None:
    with pytest.raises(UsageError, match="add --scope project"):
        install("cursor", "--skill")


@pytest.mark.parametrize("client", CLIENTS)
def test_shipped_rules_are_in_the_clients_form_and_name_real_tools(client: str) -> None:
    text = shipped(CLIENTS[client])
    heads = {
        "claude-code": {"name", "description"},
        "cursor": {"description", "alwaysApply"},
        "vscode": {"description", "applyTo"},
    }
    if client in heads:
        _, head, _ = text.split("---\n", 2)
        assert set(yaml.safe_load(head)) == heads[client]
    assert len(text.splitlines()) < 50
    known = {tool.name for tool in build().server._tool_manager.list_tools()}
    named = {"search", "read", "check_quote", "patch", "probe", "steer", "review", "start", "rerun"}
    assert named <= known
    for each in named:
        assert f"`{each}`" in text, each


def test_a_file_with_nothing_but_our_entry_and_a_comment_is_kept() -> None:
    path = CLIENTS["codex"].config("user")
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n\n[mcp_servers.gadfly]\ncommand = "old"\n')
    install("codex")
    uninstall("codex")
    assert path.read_text().strip() == "# mine"
