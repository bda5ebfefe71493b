-- name: lock
select id, type, doc::text as doc, version, created_at, modified_at, stamps::text as stamps
from entity where tenant_id = $1 and id = any($2::text[])
order by id
for update

-- name: insert
with again as (delete from entity_past where tenant_id = $1 and id = any($2::text[]))
insert into entity (tenant_id, id, type, doc, version, lon, lat, created_at, modified_at)
select $1, id, string_to_array(type, ' '), doc::jsonb, 1, lon, lat, $7, $7
from unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[]) as e (id, type, doc, lon, lat)

-- name: update
update entity set type = string_to_array(e.type, ' '), doc = e.doc::jsonb, version = entity.version + 1,
    lon = e.lon, lat = e.lat, modified_at = greatest($7, entity.modified_at), stamps = entity.stamps || e.stamps::jsonb
from unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $8::text[]) as e (id, type, doc, lon, lat, stamps)
where entity.tenant_id = $1 and entity.id = e.id

-- name: delete
with gone as (
    delete from entity where tenant_id = $1 and id = any($2::text[])
    returning id, type, doc, stamps, lon, lat, created_at, modified_at, version
), kept as (
    insert into entity_past (tenant_id, id, type, doc, stamps, lon, lat, created_at, modified_at, deleted_at)
    select $1, id, type, doc, stamps, lon, lat, created_at, modified_at, $3 from gone
)
select id, doc::text as doc, version, created_at, modified_at, stamps::text as stamps from gone

-- name: evolved
update entity set evolved_version = version where tenant_id = $1 and id = $2

-- name: evolution
select version, evolved_version from entity where tenant_id = $1 and id = $2 for update
