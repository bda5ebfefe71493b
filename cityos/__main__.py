"""``python -m cityos``: the same as the command `cityos`."""

from cityos.cli import main

main()
