"""The operations that a registration can name, and the groups of them (ETSI GS CIM 009, 4.20)."""

from __future__ import annotations

from collections.abc import Iterable

from broker.errors import Invalid

_RETRIEVE = frozenset({"retrieveEntity", "queryEntity"})
_DISCOVER = frozenset(
    {"retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo", "retrieveAttrTypes",
     "retrieveAttrTypeDetails", "retrieveAttrTypeInfo"}
)  # fmt: skip
_SUBSCRIBE = frozenset(
    {"createSubscription", "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription"}
)
_UPDATE = frozenset({"updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs"})
_REDIRECT = _UPDATE | {"createEntity", "appendAttrs", "deleteAttrs", "deleteEntity", "mergeEntity", "purgeEntity"}
_BATCH = frozenset({"createBatch", "upsertBatch", "updateBatch", "deleteBatch", "mergeBatch"})
_TEMPORAL = frozenset(
    {"upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrsTemporal",
     "updateAttrInstanceTemporal", "deleteAttrInstanceTemporal", "deleteTemporal", "mergeTemporal",
     "retrieveTemporal", "queryTemporal"}
)  # fmt: skip
GROUPS = {
    "federationOps": _RETRIEVE | {"queryBatch"} | _DISCOVER | _SUBSCRIBE,
    "updateOps": _UPDATE,
    "retrieveOps": _RETRIEVE,
    "redirectionOps": _REDIRECT | _RETRIEVE | {"queryBatch"} | _DISCOVER,
}
DEFAULT = "federationOps"
OPERATIONS = _RETRIEVE | {"queryBatch"} | _DISCOVER | _SUBSCRIBE | _REDIRECT | _BATCH | _TEMPORAL


def operations_of(names: Iterable[object]) -> frozenset[str]:
    """The single operations that a registration's member `operations` stands for. Raises `Invalid`."""
    meant: set[str] = set()
    for name in names:
        if name in GROUPS:
            meant |= GROUPS[str(name)]
        elif name in OPERATIONS:
            meant.add(str(name))
        else:
            groups = ", ".join(GROUPS)
            raise Invalid(f"{name!r} is no operation (4.20); the groups are {groups}", field="operations")
    return frozenset(meant)
