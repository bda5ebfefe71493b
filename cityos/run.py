"""Running one role in this process: ``python -m cityos.run ROLE``, which `cityos run ROLE` does too.

``ROLE+ROLE`` runs several in one process: what suits roles that mostly wait, on a machine with little memory.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Sequence

import uvloop

from broker.errors import CityError
from broker.waiting import Parts
from cityos.liveness import METRICS_FOLDER
from cityos.readiness import Dependencies
from cityos.roles import Role, load_role
from cityos.settings import Settings, load_settings
from cityos.supervisor import stop_on_signals
from cityos.telemetry import start_telemetry

_log = logging.getLogger(__name__)


def run_role(name: str, settings: Settings) -> None:
    """Run the role (or roles, joined by `+`) until SIGINT or SIGTERM. Raises `Invalid` for a name that is no role's."""
    roles = [load_role(part) for part in name.split("+")]
    # A batch makes tens of thousands of short-lived objects and no cycles: collect rarely, and never what stays.
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)

    alone = settings.telemetry.metrics_port == 0
    telemetry = start_telemetry(name, settings.telemetry, settings.city.folder / METRICS_FOLDER if alone else None)

    async def until_told() -> None:
        stop = stop_on_signals()
        async with Dependencies(settings) as dependencies:
            # The gateway, which cannot be the system, says on its own page whether it is ready.
            check = None if name == "gateway" else dependencies.answer
            keeping = asyncio.create_task(telemetry.health.keep(stop, check))
            try:
                await run_together(roles, settings, stop)
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(until_told())
    except Exception as error:
        # In the log as a line of its own, whatever becomes of standard error.
        _log.critical("the role ends: %s", error or type(error).__name__, exc_info=not isinstance(error, CityError))
        raise
    finally:
        telemetry.stop()


async def run_together(roles: Sequence[Role], settings: Settings, stop: asyncio.Event) -> None:
    """Run all of them until `stop`. When one fails the others end too, and what is raised is its error."""
    try:
        async with Parts() as group:
            for role in roles:
                group.add(role(settings, stop))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


if __name__ == "__main__":
    try:
        run_role(sys.argv[1], load_settings(os.environ))
    except CityError as error:
        sys.exit(f"cityos: {error}")
