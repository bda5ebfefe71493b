"""A resident's own points through the gateway: a person with an account, paying by scanning, checking in, a till's day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from access.tokens import Claims
from api_gateway.oauth.server import PORTAL
from services.points.emv import ShopCode, build
from services.points.ledger import Ledger
from services.points.settings import PointsSettings
from tests.conftest import CityDatabase
from tests.integration.points.test_routes import Api, furnish, ok
