-- name: make
insert into snapshot (tenant_id, id, owner, doc, created_at, modified_at, expires_at, used_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4, $4, $5, $4)
on conflict (tenant_id, id) do nothing returning id

-- name: fill
insert into snapshot_entity (tenant_id, snapshot_id, id, type, doc, stamps, created_at, modified_at)
select current_setting('cityos.tenant_id')::int, $1, e.id, string_to_array(e.types, ' '), e.doc::jsonb,
    e.stamps::jsonb, e.created, e.modified
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
    as e (id, types, doc, stamps, created, modified)
on conflict (tenant_id, snapshot_id, id) do update
set doc = snapshot_entity.doc || excluded.doc, stamps = snapshot_entity.stamps || excluded.stamps

-- name: copy
insert into snapshot_entity (tenant_id, snapshot_id, id, type, doc, stamps, created_at, modified_at)
select tenant_id, $2, id, type, doc, stamps, created_at, modified_at from snapshot_entity where snapshot_id = $1

-- name: one
select id, doc::text as doc, created_at, modified_at, expires_at, used_at from snapshot
where id = $1 and owner = $2 and expires_at > $3

-- name: use
with used as (
    update snapshot set used_at = $3 where id = $1 and owner = $2 and expires_at > $3 and used_at < $3 - interval '1 minute'
)
select set_config('cityos.snapshot', id, true) from snapshot where id = $1 and owner = $2 and expires_at > $3

-- name: change
update snapshot set doc = doc || $4::jsonb, modified_at = $3, expires_at = coalesce($5, expires_at)
where id = $1 and owner = $2 and expires_at > $3
returning id, doc::text as doc, created_at, modified_at, expires_at, used_at

-- name: delete
delete from snapshot where id = $1 and owner = $2 and expires_at > $3 returning id

-- name: purge
delete from snapshot where id = any (array(
    select id from (
        select s.id, (
            select jsonb_object_agg(p.key, jsonb_build_object('type', 'Property', 'value', p.value))
            from jsonb_each(s.doc || jsonb_build_object('expiresAt', to_jsonb(s.expires_at), 'lastUsedAt', to_jsonb(s.used_at))) p
        ) || jsonb_build_object('createdAt', to_jsonb(s.created_at), 'modifiedAt', to_jsonb(s.modified_at)) as doc
        from snapshot s where s.owner = $1 and s.expires_at > $2
    ) member where {condition}
)) returning id

-- name: bound
delete from snapshot where id = any (array(
    select id from snapshot where id <> $1 and owner = $2
    order by (doc ->> 'snapshotPriority')::int desc, used_at desc, id offset $3
) || array(
    select id from snapshot where id <> $1
    order by (doc ->> 'snapshotPriority')::int desc, used_at desc, id offset $4
))

-- name: forget
delete from snapshot where (tenant_id, id) in (select tenant_id, id from snapshot where expires_at < $1 limit $2)
