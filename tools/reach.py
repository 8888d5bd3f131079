"""What an argument names beyond itself: a file, a model of the hub, a recorded run, another machine.

An argument that names such a thing says so in its type (``vector: VectorName | None``), and from the types alone
``reached`` tells what a call would read, fetch or send. A test holds that no argument is left undeclared.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Annotated, Any, get_args

from pydantic import BaseModel

TASK = "task:"
"""How data name a task of the demo model, which is no file."""


class Names(Enum):
    """What the text of an argument is."""

    FILE = auto()
    """A file or folder."""
    DATA = auto()
    """A file of records, ``task:NAME``, or a list of such and of records."""
    BELOW = auto()
    """A file or folder; a relative one is below the argument ``folder``."""
    FOLDER_CONTENT = auto()
    """Something that leads to files below the argument ``folder``."""
    REPOSITORY = auto()
    """Something that leads to all of the repository which the argument ``folder`` is in."""
    MODEL = auto()
    """A built-in model, a folder, or a name on the hub."""
    AUTOENCODER = auto()
    """A folder, a file, or a place on the hub."""
    VECTOR = auto()
    """A file, or the id of a run."""
    RUN = auto()
    """The id of a run that is executed again, with all that its arguments reach."""
    LLM = auto()
    """A provider's model, which is sent content."""
    NDIF = auto()
    """Whether texts are sent to NDIF."""
    NOTHING = auto()
    """It is opened, fetched and sent nowhere, whatever its name or description speaks of."""


LocalPath = Annotated[str, Names.FILE]
PathBelow = Annotated[str, Names.BELOW]
FolderContent = Annotated[str, Names.FOLDER_CONTENT]
InRepository = Annotated[str, Names.REPOSITORY]
ModelName = Annotated[str, Names.MODEL]
AutoencoderName = Annotated[str, Names.AUTOENCODER]
VectorName = Annotated[str, Names.VECTOR]
RunName = Annotated[str, Names.RUN]
LlmName = Annotated[str, Names.LLM]
Elsewhere = Annotated[bool, Names.NDIF]
PlainText = Annotated[str, Names.NOTHING]

ON_HUB = frozenset({Names.MODEL, Names.AUTOENCODER, Names.RUN})
SENDS = frozenset({Names.LLM, Names.NDIF, Names.RUN})


def declared(model: type[BaseModel]) -> dict[str, Names]:
    """The arguments that say what they name."""
    return {
        name: found
        for name, field in model.model_fields.items()
        for found in [_declaration([*field.metadata, field.annotation])]
        if found is not None
    }


def _declaration(parts: Sequence[Any]) -> Names | None:
    for part in parts:
        if isinstance(part, Names):
            return part
        found = _declaration(get_args(part))
        if found is not None:
            return found
    return None
