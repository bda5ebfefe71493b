-- name: note
insert into attribute_past (tenant_id, entity_id, attribute, dataset_id, kind, deleted_at)
select $1, entity_id, attribute, dataset_id, kind, $2
from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as g (entity_id, attribute, dataset_id, kind)
