"""Files of recorded readings as series of the city's gauges, for learning from them."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path

from broker.errors import Invalid
from cityos.flood import read_readings
from services.forecast.series import Series, series_of
from services.forecast.store import Gauges


def read_record(path: Path, gauges: Gauges) -> dict[str, Series]:
    """The readings of a file by the city's entities; what is no number or of no gauge of the city's is left out."""
    stations = {entity.rsplit(":", 1)[-1]: entity for entity in gauges.places}
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for reading in read_readings(lines):
                entity = stations.get(reading.station)
                level = _number(reading.level)
                if entity is not None and level is not None:
                    found[entity].append((reading.at.timestamp(), level))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}", field="readings") from error
    return {entity: series_of(rows, gauges.spans.get(entity)) for entity, rows in found.items()}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
