"""One static page from the latest results: tables, figures, what was run on what, and what has never been run.

    python -m gadfly.evals.report [--results FOLDER] [--out evals/results/report.html] [--json] [--readme]

The page stands alone: no script, no address, readable in print and in the dark. It is made from the JSON files of
``evals/results`` and from nothing else; a measurement that has no file is listed as never run. ``--json`` prints the
figures that a text may quote; ``--readme`` writes them into the README's table.
"""

from __future__ import annotations

import argparse
import json
import sys
from html import escape
from pathlib import Path
from typing import Any

from gadfly import files
from gadfly.errors import UsageError
from gadfly.evals import quoting
from gadfly.evals.place import RESULTS, told
from gadfly.evals.sections import BODIES, plain

NEVER = (
    "Weights from a model hub, by any tool: all runs here are on the packaged demo model, on the planted model, or on "
    "models with random weights.",
    "A real language model behind the agent: all answers, reviews and judgements here are by scripted reasoners. What "
    "they show is what the engine does with a reasoner of that character, not how a real model behaves.",
    "A GPU, or several: models spread over devices ran on pretended ones, which refuse to mix as real ones do.",
    "Remote execution on NDIF, and Chroma Cloud: only the form of the requests.",
)
_COMMANDS = {
    "guards": "python -m gadfly.evals.guards",
    "false_positives": "python -m gadfly.evals.false_positives",
    "scaling": "python -m gadfly.evals.scaling",
    "scaling_corpus": "python -m gadfly.evals.scaling_corpus",
    "scaling_sessions": "python -m gadfly.evals.scaling_sessions",
    "bench": "make bench",
    "bench_corpus": "python -m gadfly.evals.bench_corpus --guide --peers",
    "inspect": "python -m gadfly.evals.logs",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Gadfly: what was measured</title>
<style>
:root {{ color-scheme: light dark; --fg: #222; --bg: #fff; --dim: #666; --bad: #a11; }}
@media (prefers-color-scheme: dark) {{ :root {{ --fg: #ddd; --bg: #16181c; --dim: #999; --bad: #f88; }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); }}
body {{ margin: 2em auto; max-width: 62em; padding: 0 1em; }}
h1 {{ font-size: 1.5em; }} h2 {{ font-size: 1.15em; margin-top: 2.2em; }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }}
table {{ display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .2em .9em .2em 0; border-bottom: 1px solid #8883; vertical-align: top; }}
th {{ color: var(--dim); font-weight: normal; }}
.dim, footer {{ color: var(--dim); font-size: 13px; }} .bad {{ color: var(--bad); }}
svg {{ max-width: 100%; height: auto; }} text {{ fill: var(--fg); font-size: 12px; }}
.axis {{ stroke: var(--dim); }} text.dim {{ fill: var(--dim); }}
</style>
<h1>What was measured</h1>
<p>{lead}</p>
{sections}
<h2 id="never">What has never been run</h2>
<ul>{never}</ul>
</html>
"""


def page(results: Path = RESULTS) -> str:
    """The page, as HTML."""
    found = load(results)
    sections = [_section(name, kept) for name, kept in found.items()]
    never = [
        *NEVER,
        *(f"{name}: run {command}" for name, command in _COMMANDS.items() if name not in found),
    ]
    moments = sorted(kept["when"] for kept in found.values())
    lead = (
        f"{len(found)} measurements, the oldest of {moments[0]}, the newest of {moments[-1]}. "
        "Each names its machine and the command that takes it again."
        if moments
        else "Nothing has been measured yet."
    )
    return _PAGE.format(
        lead=escape(lead),
        sections="\n".join(sections),
        never="".join(f"<li>{escape(each)}</li>" for each in never),
    )


def load(results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """The result files by name, those that the page knows first.

    Raises:
        UsageError: a file is not a result.
    """
    found = {}
    for path in sorted(results.glob("*.json")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            found[kept["name"]] = {key: kept[key] for key in ("when", "machine", "measured")}
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is not a result of an evaluation ({error}); delete it or run it again"
            ) from None
    order = [*(_COMMANDS), *found]
    return {name: found[name] for name in dict.fromkeys(order) if name in found}


def figures(results: Path = RESULTS) -> dict[str, str]:
    """The numbers that a text may quote, as they are written there."""
    return quoting.figures(load(results))


def _section(name: str, kept: dict[str, Any]) -> str:
    title, body = BODIES.get(name, (name, plain))
    machine = kept["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    about = (
        f"{kept['when']}, on {machine['system']} {machine['processor']}, {machine['cores']} cores, "
        f"device {machine['device']}, load {machine.get('load', 'unknown')}, Python {machine['python']}; {versions}"
    )
    again = f" Again: <code>{escape(_COMMANDS[name])}</code>" if name in _COMMANDS else ""
    return (
        f'<h2 id="{escape(name, quote=True)}">{escape(title)}</h2>'
        f'{"".join(body(kept["measured"]))}<p class="dim">{escape(about)}.{again}</p>'
    )


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, help="default: report.html beside the results")
    parser.add_argument(
        "--json", action="store_true", help="print the figures that a text may quote"
    )
    parser.add_argument("--readme", action="store_true", help="rewrite the README's table as well")
    args = parser.parse_args()
    out = args.out or args.results / "report.html"
    files.write(out, page(args.results))
    quoted = figures(args.results)
    if args.readme:
        text = quoting.README.read_text(encoding="utf-8")
        files.write(quoting.README, quoting.rewritten(text, quoted))
    print(json.dumps(quoted, indent=1) if args.json else out)
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
