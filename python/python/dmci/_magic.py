"""The cell magic `%%dmci name`: the cell is a program, and the name its model."""

from __future__ import annotations

from typing import Any

from dmci._dmci import DmciError, Model

__all__ = ["register"]


def register(ipython: Any) -> None:
    """Gives the magic to a shell of IPython."""

    def dmci(line: str, cell: str) -> Any:
        """Make a model of the cell, called by the name on the first line; without one, give it back."""
        name = line.strip()
        if name and not name.isidentifier():
            raise DmciError(f"`{name}` is no name; write %%dmci name")
        model = Model(cell.strip())
        if name:
            ipython.push({name: model})
            return None
        return model

    ipython.register_magic_function(dmci, "cell", "dmci")
