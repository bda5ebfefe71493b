"""Running one role in this process: ``python -m cityos.run ROLE``, which `cityos run ROLE` does too."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys

import uvloop

from broker.errors import CityError
from cityos.readiness import Dependencies
from cityos.roles import load_role
from cityos.settings import Settings, load_settings
from cityos.supervisor import stop_on_signals
from cityos.telemetry import METRICS_FOLDER, start_telemetry

_log = logging.getLogger(__name__)


def run_role(name: str, settings: Settings) -> None:
    """Run the role until SIGINT or SIGTERM. Raises `Invalid` for a name that is no role's."""
    role = load_role(name)
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
                await role(settings, stop)
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


if __name__ == "__main__":
    try:
        run_role(sys.argv[1], load_settings(os.environ))
    except CityError as error:
        sys.exit(f"cityos: {error}")
