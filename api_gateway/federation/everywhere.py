"""The endpoints that write, asked of the sources too: what each is called in registrations (ETSI GS CIM 009, 4.20)."""

from __future__ import annotations

from api_gateway.federation import writes
from api_gateway.federation.batches import distributed_batch
from api_gateway.federation.writes import distributed, distributed_by_path, distributed_purge
from api_gateway.ngsi_ld import provision, upsert

create = distributed(provision.create, writes.CREATE)
replace = distributed(provision.replace, writes.REPLACE)
merge = distributed(provision.merge, writes.MERGE)
append = distributed(provision.append, writes.APPEND)
update = distributed(provision.update, writes.UPDATE)
delete = distributed_by_path(provision.delete, writes.DELETE)
partial = distributed_by_path(provision.partial, writes.PARTIAL)
replace_attribute = distributed_by_path(provision.replace_attribute, writes.REPLACE_ATTRIBUTE)
delete_attribute = distributed_by_path(provision.delete_attribute, writes.DELETE_ATTRIBUTE)
purge = distributed_purge(provision.purge)
create_batch = distributed_batch(upsert.create, "createBatch")
upsert_batch = distributed_batch(upsert.upsert, "upsertBatch")
update_batch = distributed_batch(upsert.update, "updateBatch")
merge_batch = distributed_batch(upsert.merge, "mergeBatch")
delete_batch = distributed_batch(upsert.delete, "deleteBatch")
