"""Documents, cards, runs and figures; completion; nothing outside them can be read."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import PromptReference, ResourceTemplateReference
from support.mcp import ERAS, PIXEL, TOOLS, refusal, talk

from gadfly.agent.faces.mcp import resources
from gadfly.agent.faces.mcp.server import build
from gadfly.settings import home

CARD = "techniques/activation-patching"


async def text(client: Client, uri: str) -> str:
    return str((await client.read_resource(uri)).contents[0].text)


@pytest.mark.parametrize("mode", ERAS)
def test_cards_are_listed_and_read_without_an_index(mode: str) -> None:
    async def conversation(client: Client) -> tuple[Any, str, str]:
        listed = (await client.list_resources()).resources
        whole = await text(client, f"gadfly://cards/{CARD}")
        page = await text(client, f"gadfly://documents/guide/{CARD}?start=10&characters=50")
        return listed, whole, page

    listed, whole, page = talk(build(TOOLS).server, conversation, mode)
    uris = {each.uri for each in listed}
    assert {"gadfly://documents", "gadfly://runs", f"gadfly://cards/{CARD}"} <= uris
    assert all(each.description for each in listed)
    assert page.startswith(whole[10:60]) and "goes on at start=60" in page
    assert not (home() / "corpus").exists() and not (home() / "ledger").exists()


@pytest.mark.parametrize("mode", ERAS)
def test_a_run_and_its_figures(mode: str) -> None:
    async def conversation(client: Client) -> None:
        run = (await client.call_tool("made", {})).structured_content["run"]
        listed = (await client.list_resources()).resources
        assert f"gadfly://runs/{run}" in {each.uri for each in listed}
        assert json.loads(await text(client, f"gadfly://runs/{run}"))["id"] == run
        assert run in await text(client, "gadfly://runs")
        figure = (await client.read_resource(f"gadfly://runs/{run}/figures/1")).contents[0]
        assert figure.mime_type == "image/png" and base64.b64decode(figure.blob) == PIXEL
        (home() / "secret.png").write_bytes(PIXEL)  # where the second figure's path leads
        for number in ("0", "2", "3", "x", "..%2f1"):
            await refusal(client.read_resource(f"gadfly://runs/{run}/figures/{number}"))

    talk(build(TOOLS).server, conversation, mode)


OUT = (
    "gadfly://cards/../../README",
    "gadfly://cards/..%2f..%2fpyproject.toml",
    "gadfly://cards/%2e%2e/%2e%2e/pyproject",
    "gadfly://cards/techniques/../../../../etc/passwd",
    "gadfly://cards//etc/passwd",
    "gadfly://documents/../../../etc/passwd",
    "gadfly://documents/..%5c..%5csecret",
    "gadfly://documents//etc/passwd",
    "gadfly://documents/file:///etc/passwd",
    "gadfly://runs/..%2f..%2fsecret/figures/1",
    "gadfly://runs/%00/figures/1",
    "gadfly://runs/r00000000",
    "file:///etc/passwd",
    "gadfly://",
    "not an address",
)


@pytest.mark.parametrize("mode", ERAS)
def test_a_path_out_is_refused(mode: str) -> None:
    async def conversation(client: Client) -> dict[str, Any]:
        return {uri: await refusal(client.read_resource(uri)) for uri in OUT}

    for uri, error in talk(build(TOOLS).server, conversation, mode).items():
        assert error.error.code == -32602, uri
        assert "root:" not in str(error), uri


def test_a_new_run_is_announced_to_who_listens() -> None:
    async def conversation(client: Client) -> Any:
        async with client.listen(resources_list_changed=True) as events:
            await client.call_tool("made", {})
            return await anext(aiter(events))

    event = talk(build(TOOLS).server, conversation, "2026-07-28")
    assert "ResourcesListChanged" in type(event).__name__


@pytest.mark.parametrize("mode", ERAS)
def test_completion(mode: str) -> None:
    async def conversation(client: Client) -> None:
        async def completed(ref: Any, name: str, value: str, **known: str) -> list[str]:
            done = await client.complete(ref, {"name": name, "value": value}, known or None)
            values: list[str] = done.completion.values
            return values

        run = (await client.call_tool("made", {})).structured_content["run"]
        card = ResourceTemplateReference(uri=resources.CARD)
        assert CARD in await completed(card, "card", "techniques/act")
        assert (await completed(card, "card", "activation-patching"))[0] == CARD
        document = PromptReference(name="explain_paper")
        assert f"guide/{CARD}" in await completed(document, "document", "guide/tech")
        planned = PromptReference(name="plan_experiment")
        assert await completed(planned, "model", "d") == ["demo", "planted"]
        figure = ResourceTemplateReference(uri=resources.FIGURE)
        assert await completed(figure, "run", run[:3]) == [run]
        assert await completed(figure, "number", "", run=run) == ["1", "2"]
        assert await completed(figure, "number", "", run="r0") == []
        assert await completed(planned, "question", "wh") == []
        assert len(await completed(card, "card", "")) <= 100

    talk(build(TOOLS).server, conversation, mode)


def test_documents_of_an_index(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADFLY_HOME", str(ready))
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")

    async def conversation(client: Client) -> tuple[str, str, list[str]]:
        listing = await text(client, "gadfly://documents")
        identifier = next(
            line.split("\t")[0] for line in listing.splitlines() if not line.startswith("guide/")
        )
        found = await client.complete(
            ResourceTemplateReference(uri=resources.DOCUMENT),
            {"name": "document", "value": identifier[:6]},
        )
        document = await text(client, f"gadfly://documents/{identifier}")
        return identifier, document, found.completion.values

    identifier, document, completed = talk(build(TOOLS).server, conversation)
    assert identifier in completed and len(document) > 100
