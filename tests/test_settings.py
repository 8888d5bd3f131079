"""Every setting is declared once, read there alone, documented, and wrong in one line."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from support.cli import gadfly

from gadfly import settings
from gadfly.errors import UsageError
from gadfly.settings import home

ROOT = Path(__file__).parents[1]


def configured(body: str) -> None:
    home().mkdir(parents=True, exist_ok=True)
    (home() / settings.FILE).write_text(body)


def test_no_other_code_names_a_variable() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value}"
        for folder in ("agent", "tools", "corpus", "evals", "src")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"GADFLY_[A-Z_]+", str(node.value))
    ]
    assert found == []


def test_the_docs_have_a_row_for_each() -> None:
    rows = [
        f"| `{s.variable or '–'}` | {f'`{s.key}`' if s.key else '–'} | {s.meaning} | {s.accepts} | {s.default} |"
        for s in settings.ALL
    ]
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_the_variable_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.FALLBACKS.found() == ("", "default")
    configured('[llm]\nfallbacks = ["a/b", "c/d"]\n[chat]\nshell = true\n')
    assert settings.FALLBACKS.texts() == ["a/b", "c/d"]
    assert settings.FALLBACKS.found().source == "config.toml"
    assert settings.SHELL.on()
    monkeypatch.setenv("GADFLY_FALLBACKS", " e/f ,")
    assert settings.FALLBACKS.texts() == ["e/f"]
    assert settings.FALLBACKS.found().source == "GADFLY_FALLBACKS"


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        (settings.EMBEDDER, "some", "GADFLY_EMBEDDER takes none .*, not 'some'"),
        (settings.API_BASE, "127.0.0.1", "GADFLY_API_BASE takes an address"),
        (settings.ALLOW_PRIVATE, "yes", "1 or 0"),
        (settings.IMAGES, "sixel", "kitty, iterm2 or off"),
        (settings.MCP_TOKEN, "short-secret", "16 or more"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_way_out(
    setting: settings.Setting, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.variable, value)
    with pytest.raises(UsageError, match=says) as caught:
        setting.value()
    assert "\n" not in str(caught.value)
    assert "change or unset it" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("setting", [each for each in settings.ALL if each.was])
def test_an_old_name_says_which_to_use(
    setting: settings.Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.was, "openai/x")
    with pytest.raises(UsageError, match=f"{setting.was} is not read .* set {setting.variable} "):
        setting.value()
    monkeypatch.setenv(setting.variable, "openai/y")
    assert setting.value() == "openai/y"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[model]\nmain = 'x/y'\n", r"'model' is no table of settings; valid: \[llm\], \[chat\]"),
        ("llm = 3\n", "'llm' is no table"),
        ("[chat]\nshel = true\n", "unknown key 'shel' in .chat.; valid: shell"),
        ("[chat]\nshell = 'yes'\n", "must be true or false"),
        ("[llm]\nfallbacks = [3]\n", "must be a list of texts"),
    ],
)
def test_a_wrong_file_is_one_line(body: str, says: str) -> None:
    configured(body)
    with pytest.raises(UsageError, match=says) as caught:
        settings.SHELL.on()
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_at_all_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured("[llm]\nmain = " + "[" * 5000 + "]" * 5000 + "\n")
    with pytest.raises(UsageError, match=r"cannot read .*config.toml"):
        settings.SHELL.on()
    (tmp_path / "loop").symlink_to("loop")
    done = gadfly("runs", home=tmp_path / "loop")
    assert done.returncode == 2
    assert "GADFLY_HOME cannot be" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_old_name_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.LLM.was, "")
    assert settings.LLM.value() == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ftp://me:hidden@h", "ftp://***@h"),
        ("ftp://me:hid/hidden@h/x", "ftp://***@h/x"),
        ("me:hidden@h", "***@h"),
        ("me:hid/hid@hidden@h:1", "***@h:1"),
        ("ftp://h/x", "ftp://h/x"),
    ],
)
@pytest.mark.parametrize("setting", [settings.API_BASE, settings.CHROMA])
def test_a_wrong_address_shows_no_password(
    setting: settings.Setting, value: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.variable, value)
    with pytest.raises(UsageError) as caught:
        setting.value()
    assert f"not '{shown}'" in str(caught.value)
    assert setting.shown().value == shown


def test_doctor_shows_each_with_its_source_and_no_secret(tmp_path: Path) -> None:
    around = {
        "GADFLY_API_KEY": "sk-hidden-123456",
        "GADFLY_CHECKPOINTS": "postgresql://me:hidden@db/x",
        "GADFLY_CHROMA": "http://me:hidden@127.0.0.1:1",
        "GADFLY_IMAGES": "sixel",
        "GADFLY_MODEL": "openai/x",
    }
    done = gadfly("doctor", "--json", home=tmp_path / "home", **around)
    found = {each["name"]: each for each in json.loads(done.stdout)["settings"]}
    assert list(found) == [each.name for each in settings.ALL]
    assert found["GADFLY_HOME"]["value"] == str(tmp_path / "home")
    assert found["GADFLY_API_KEY"]["value"] == found["GADFLY_CHECKPOINTS"]["value"] == "set"
    assert found["GADFLY_CHROMA"]["value"] == "http://***@127.0.0.1:1"
    assert found["GADFLY_FALLBACKS"]["source"] == "default"
    assert "kitty" in found["GADFLY_IMAGES"]["wrong"]
    assert "GADFLY_LLM" in found["GADFLY_LLM"]["wrong"]
    shown = gadfly("doctor", home=tmp_path / "home", **around).stdout
    assert all(each.name in shown for each in settings.ALL)
    assert "hidden" not in done.stdout + shown


def test_the_table_of_the_llm_is_read_by_its_old_name() -> None:
    configured("[models]\nmain = 'openai/x'\n")
    assert settings.LLM.value() == "openai/x"
