"""GitHub's REST and GraphQL APIs over httpx: rate limits waited out, bad gateways tried again, pages followed.

The token goes into one header and nowhere else. It is sent only to the configured host, and over plain http
only to this machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gadfly import __version__
from gadfly.errors import GadflyError, UsageError

if TYPE_CHECKING:
    import httpx

_API = "https://api.github.com"
_VERSION = "2022-11-28"
_ATTEMPTS = 5
_TIMEOUT = 60.0  # seconds without a byte
_PAGES = 40  # of a hundred entries: GitHub lists at most 3,000 files of a pull request
_LOCAL = ("127.0.0.1", "localhost", "::1")


class GitHubError(GadflyError):
    """GitHub refused; ``status`` is what it answered."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnclearError(GitHubError):
    """A write got no answer: it may have happened or not."""


class Client:
    """Requests to one GitHub, as whoever the token belongs to.

    Args:
        token: GITHUB_TOKEN; None reads public repositories only.
        url: the REST address; None: GITHUB_API_URL, else github.com.
        patience: seconds that waiting for rate limits may take in all.
        wait: sleeps (tests pass their own).

    Raises:
        UsageError: an address that is not https.
    """

    def __init__(
        self,
        token: str | None = None,
        url: str | None = None,
        *,
        patience: float = 900.0,
        wait: Callable[[float], None] = time.sleep,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._url = (url or os.environ.get("GITHUB_API_URL") or _API).rstrip("/")
        self._token = (token or "").strip()
        self._patience = patience
        self._wait = wait
        self._on_wait = on_wait
        self._http: httpx.Client | None = None
        parts = urlsplit(self._url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise UsageError(f"GITHUB_API_URL is {self._url!r}; it must be an https address")

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self._send("GET", path).json()

    def raw(self, path: str) -> bytes:
        """The bytes of a file or blob."""
        return self._send("GET", path, accept="application/vnd.github.raw+json").content

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every entry of a list, over all its pages."""
        joint = "&" if "?" in path else "?"
        url: str | None = f"{path}{joint}per_page=100"
        for _ in range(_PAGES):
            if url is None:
                return
            answer = self._send("GET", url)
            yield from answer.json()
            url = self._ours(answer.links.get("next", {}).get("url"))

    def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        missing_is_fine: bool = False,
    ) -> Any:
        """A write. POST is not repeated where it may have happened.

        Args:
            missing_is_fine: somebody may have deleted meanwhile what is written to.

        Raises:
            UnclearError: no answer came to a POST.
            GitHubError: refused, with GitHub's own reason.
        """
        try:
            answer = self._send(method, path, body=body)
        except GitHubError as error:
            if missing_is_fine and error.status == 404:
                return None
            raise
        return answer.json() if answer.content else None

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL request.

        Raises:
            GitHubError: GraphQL answers refusals with status 200 and a list of errors; so do we raise.
        """
        body = {"query": query, "variables": variables}
        # What is asked here may be asked twice: queries, and mutations that set a state.
        answer = self._send("POST", self._graphql_url(), body=body, repeatable=True)
        told = answer.json()
        if told.get("errors"):
            raise GitHubError(self._clean(str(told["errors"][0].get("message", "refused"))), 403)
        return dict(told.get("data") or {})

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def _graphql_url(self) -> str:
        named = os.environ.get("GITHUB_GRAPHQL_URL")
        if named and urlsplit(named).netloc == urlsplit(self._url).netloc:
            return named
        return f"{self._url.removesuffix('/v3')}/graphql"

    def _ours(self, url: str | None) -> str | None:
        """A next page elsewhere is not followed: it would get the token."""
        if url is None or urlsplit(url).netloc != urlsplit(self._url).netloc:
            return None
        return url

    def _client(self) -> httpx.Client:
        if self._http is None:
            import httpx

            headers = {"X-GitHub-Api-Version": _VERSION, "User-Agent": f"gadfly/{__version__}"}
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            local = urlsplit(self._url).hostname in _LOCAL
            self._http = httpx.Client(timeout=_TIMEOUT, headers=headers, trust_env=not local)
        return self._http

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        accept: str = "application/vnd.github+json",
        repeatable: bool = False,
    ) -> httpx.Response:
        import httpx

        repeatable = repeatable or method != "POST"

        url = path if path.startswith(("http://", "https://")) else f"{self._url}{path}"
        delay = 1.0
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                answer = self._client().request(
                    method,
                    url,
                    json=body,
                    headers={"Accept": accept},
                    follow_redirects=method == "GET",
                )
            except httpx.TransportError as error:
                reason = f"GitHub cannot be reached: {type(error).__name__} at {urlsplit(self._url).netloc}"
                never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                if not repeatable and not never_sent:
                    raise UnclearError(reason, 0) from None
                if last:
                    raise GitHubError(reason, 0) from None
            else:
                if answer.status_code < 300:
                    return answer
                pause = _limit(answer, attempt)
                if pause is not None and not last:
                    self._wait_out(pause)
                    continue
                if answer.status_code < 500:
                    raise GitHubError(self._explain(answer), answer.status_code)
                reason = f"GitHub answered {answer.status_code} to {method} {urlsplit(url).path}"
                if not repeatable:
                    raise UnclearError(reason, answer.status_code)
                if last:
                    raise GitHubError(
                        f"{reason} {_ATTEMPTS} times; try again later", answer.status_code
                    )
            self._wait(delay)
            delay *= 2
        raise AssertionError("unreachable")

    def _wait_out(self, pause: float) -> None:
        self._patience -= pause
        if self._patience < 0:
            raise GitHubError(
                f"GitHub's rate limit lasts {pause:.0f} s more; run it again then", 429
            )
        self._on_wait(f"GitHub's rate limit: waiting {pause:.0f} s")
        self._wait(pause)

    def _explain(self, answer: httpx.Response) -> str:
        try:
            told = answer.json()
        except ValueError:
            told = {}
        message = str(told.get("message") or answer.reason_phrase) if isinstance(told, dict) else ""
        for each in told.get("errors") or [] if isinstance(told, dict) else []:
            message += f"; {each if isinstance(each, str) else each.get('message') or each.get('field') or each}"
        asked = answer.request
        where = f"GitHub answered {answer.status_code} to {asked.method} {urlsplit(str(asked.url)).path}"
        way_out = {
            401: "; check GITHUB_TOKEN",
            403: "" if self._token else "; set GITHUB_TOKEN",
            404: "; is the name right, and may GITHUB_TOKEN read it?"
            if self._token
            else "; set GITHUB_TOKEN if it is private",
        }.get(answer.status_code, "")
        return self._clean(f"{where}: {message}{way_out}")

    def _clean(self, text: str) -> str:
        text = " ".join(text.split())[:400]
        return text.replace(self._token, "***") if self._token else text


def _limit(answer: httpx.Response, attempt: int) -> float | None:
    """Seconds to wait where a rate limit was hit, primary or secondary; None for any other refusal."""
    if answer.status_code not in (403, 429):
        return None
    after = answer.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        if not reset.isdigit():
            return 60.0
        from gadfly.corpus.fetch.network import told_time

        return max(float(reset) - told_time(answer.headers.get("date", "")), 1.0)
    if answer.status_code == 429 or "rate limit" in answer.text[:2000].lower():
        return float(60 * 2 ** (attempt - 1))  # GitHub asks for a minute, then longer each time
    return None
