"""Gadfly: a research assistant for mechanistic interpretability that shows its receipts.

The five sub-packages are links to the folders at the root of the repository:

- ``gadfly.corpus``  reading:  sources, documents, chunks, index, search, quotes
- ``gadfly.tools``   doing:    typed interpretability tools, the local model, the ledger of runs
- ``gadfly.agent``   thinking: the loop, the LLM, the receipts; the jobs; the faces
- ``gadfly.prompts`` every prompt, one Markdown file each
- ``gadfly.evals``   measuring: benchmarks and planted ground truth

Nothing heavy is imported here; see ``tests/test_architecture.py`` for the rules that hold this.
"""

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # ``python -m gadfly...`` puts the working folder before the standard library: a ``json.py`` there would be run.
    # While a module is looked for under -m, this is its name. What loads before this line only ``python -P`` shields.
    del sys.path[0]

__version__ = "0.1.0"
