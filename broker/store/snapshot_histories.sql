-- name: entities
insert into snapshot_evolution (tenant_id, snapshot_id, id, type, doc, stamps, created_at, modified_at, deleted_at)
select current_setting('cityos.tenant_id')::int, $1, e.id, string_to_array(e.types, ' '), e.doc::jsonb, e.stamps::jsonb,
    e.created, e.modified, e.deleted
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
    as e (id, types, doc, stamps, created, modified, deleted)
on conflict (tenant_id, snapshot_id, id) do nothing

-- name: series
insert into snapshot_series (tenant_id, snapshot_id, entity_id, attribute, dataset_id, unit_code)
select current_setting('cityos.tenant_id')::int, $1, s.*
from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as s (entity_id, attribute, dataset_id, unit_code)
on conflict (tenant_id, snapshot_id, entity_id, attribute, dataset_id, unit_code) do nothing

-- name: points
insert into snapshot_history (series_id, tenant_id, at, version, number, value, received_at)
select s.id, s.tenant_id, p.at, p.version, p.number, p.value::jsonb, p.received_at
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::smallint[], $8::float8[], $9::text[],
    $10::timestamptz[]) as p (entity_id, attribute, dataset_id, unit_code, at, version, number, value, received_at)
join snapshot_series s on s.snapshot_id = $1 and s.entity_id = p.entity_id and s.attribute = p.attribute
    and s.dataset_id = p.dataset_id and s.unit_code = p.unit_code
on conflict (series_id, at, version) do nothing

-- name: evolved
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps, deleted_at from evolution_in_snapshot
where id = any($1::text[])

-- name: copy_entities
insert into snapshot_evolution (tenant_id, snapshot_id, id, type, doc, stamps, created_at, modified_at, deleted_at)
select tenant_id, $2, id, type, doc, stamps, created_at, modified_at, deleted_at
from snapshot_evolution where snapshot_id = $1

-- name: copy_series
insert into snapshot_series (tenant_id, snapshot_id, entity_id, attribute, dataset_id, unit_code)
select tenant_id, $2, entity_id, attribute, dataset_id, unit_code from snapshot_series where snapshot_id = $1

-- name: copy_points
insert into snapshot_history (series_id, tenant_id, at, version, number, value, received_at)
select own.id, h.tenant_id, h.at, h.version, h.number, h.value, h.received_at
from snapshot_series s
join snapshot_series own using (tenant_id, entity_id, attribute, dataset_id, unit_code)
join snapshot_history h on h.series_id = s.id
where s.snapshot_id = $1 and own.snapshot_id = $2
