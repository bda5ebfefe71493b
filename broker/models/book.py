"""The models in force, kept per process: a change is seen within seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from broker.errors import CityError
from broker.jsonld.library import ContextLibrary
from broker.models.model import Model
from broker.ports import Database
from broker.store import models as store
from broker.store.models import KeptModel

_FRESH_SECONDS = 5.0
_log = logging.getLogger(__name__)


class _Page(NamedTuple):
    read_at: float
    since: dict[str, datetime]
    models: dict[str, Model]


class ModelBook:
    """Each city's models by the type's name in the store."""

    def __init__(self, database: Database, contexts: ContextLibrary) -> None:
        self._database = database
        self._contexts = contexts
        self._pages: dict[str, _Page] = {}

    async def of(self, tenant: str) -> Mapping[str, Model]:
        """The models of a city. Raises `Unavailable`, `UnknownTenant`."""
        page = self._pages.get(tenant)
        if page is not None and time.monotonic() - page.read_at < _FRESH_SECONDS:
            return page.models
        async with self._database.transaction(tenant) as tx:
            kept = await store.listed(tx)
        since = {one.type: one.created_at for one in kept}
        if page is not None and page.since == since:
            models = page.models
        else:
            models = {one.type: model for one in kept if (model := await self._model(one)) is not None}
        self._pages[tenant] = _Page(time.monotonic(), since, models)
        return models

    async def _model(self, kept: KeptModel) -> Model | None:
        uri = kept.doc["context"]
        try:
            context = await self._contexts.resolve(kept.tenant, [uri] if uri else [])
            return Model(kept.type, kept.doc["schema"], kept.doc["refs"], context)
        except CityError as error:
            # It was checked when it was added: what is missing now is its context. Refusing everything would be worse.
            _log.error("entities of type %s are not checked: %s", kept.type, error)
            return None
