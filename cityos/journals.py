"""Which journals are sealed. Imported only by who seals and who proves: consent evidence brings cryptography along."""

from __future__ import annotations

from api_gateway.oauth.journal import AUDIT
from broker.consent.evidence import CONSENTS, DISCLOSURES

JOURNALS = (AUDIT, CONSENTS, DISCLOSURES)
"""What is sealed in hash-chained batches, and proved by `cityos audit verify`. The points' ledger seals its own."""
