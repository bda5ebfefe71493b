"""One city's data as another reads them: by delegation, given and taken back by the city whose data they are.

Such a view has a name of its own, ``GIVER@READER``. No tenant can be called so, hence no header can ask for it, no
memory kept by tenant mixes it with the giver's own view, and whoever does not know of it finds no tenant of that name.
"""

from __future__ import annotations

from typing import NamedTuple

_MARK = "@"


class View(NamedTuple):
    """Whose data are looked at, and by which other city; `reader` is None where it is the city itself."""

    giver: str
    reader: str | None


def guest_view(giver: str, reader: str) -> str:
    """The name of `giver`'s data as `reader` may see them."""
    return f"{giver}{_MARK}{reader}"


def view_of(name: str) -> View:
    """What a tenant's or a view's name stands for."""
    giver, _, reader = name.partition(_MARK)
    return View(giver, reader or None)
