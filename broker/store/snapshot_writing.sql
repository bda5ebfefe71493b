-- name: lock
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps, 0 as version from snapshot_entity
where snapshot_id = current_setting('cityos.snapshot') and id = any($1::text[]) order by id for update

-- name: insert
insert into snapshot_entity (tenant_id, snapshot_id, id, type, doc, stamps, created_at, modified_at)
select current_setting('cityos.tenant_id')::int, current_setting('cityos.snapshot'), e.id, string_to_array(e.types, ' '),
    e.doc::jsonb, e.stamps::jsonb, $5, $5
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as e (id, types, doc, stamps)
on conflict (tenant_id, snapshot_id, id) do nothing returning id

-- name: update
update snapshot_entity s set type = string_to_array(e.types, ' '), doc = e.doc::jsonb,
    stamps = s.stamps || e.stamps::jsonb, modified_at = greatest($5, s.modified_at)
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as e (id, types, doc, stamps)
where s.snapshot_id = current_setting('cityos.snapshot') and s.id = e.id

-- name: delete
delete from snapshot_entity where snapshot_id = current_setting('cityos.snapshot') and id = any($1::text[])
returning id, doc::text as doc

-- name: size
select count(*) from snapshot_entity where snapshot_id = current_setting('cityos.snapshot')
