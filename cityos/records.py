"""Files of recorded readings as series of the city's gauges, for learning from them."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from broker.errors import Invalid
from cityos.flood import COLUMNS, read_readings
from services.forecast.series import Record, Series, series_of
from services.forecast.store import Gauges

RAIN_COLUMNS = (*COLUMNS[:2], "precipitation_mm")
"""Of a file of rain: millimetres in the hour that ends then, by the last part of the rain gauge's entity."""
_MOST_RAIN_MM = 280.0


def read_record(path: Path, gauges: Gauges) -> Record:
    """The readings of a file by the city's entities; what is no number or of no gauge of the city's is left out."""
    rows = _rows(path, gauges.places, COLUMNS)
    return Record({entity: series_of(found, gauges.spans.get(entity)) for entity, found in rows.items()})


def read_rain(path: Path, gauges: Gauges) -> dict[str, Series]:
    """The rain of a file by the city's rain gauges, as `read_record`."""
    rows = _rows(path, gauges.rain, RAIN_COLUMNS)
    return {entity: series_of(found, (0.0, _MOST_RAIN_MM)) for entity, found in rows.items()}


def _rows(path: Path, entities: Iterable[str], columns: Sequence[str]) -> Mapping[str, list[tuple[float, float]]]:
    stations = {entity.rsplit(":", 1)[-1]: entity for entity in entities}
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for reading in read_readings(lines, columns):
                entity = stations.get(reading.station)
                value = _number(reading.level)
                if entity is not None and value is not None:
                    found[entity].append((reading.at.timestamp(), value))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}", field="readings") from error
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
