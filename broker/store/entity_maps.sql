-- name: keep
insert into entity_map (tenant_id, id, owner, members, created_at, expires_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4, $5)

-- name: bound
delete from entity_map where id = any (
    array(select id from entity_map where owner = $1 order by created_at desc, id offset $2)
    || array(select id from entity_map order by created_at desc, id offset $3)
)

-- name: one
select id, members::text as members, expires_at from entity_map where id = $1 and owner = $2 and expires_at > $3

-- name: prolong
update entity_map set expires_at = $4 where id = $1 and owner = $2 and expires_at > $3 returning id

-- name: delete
delete from entity_map where id = $1 and owner = $2 and expires_at > $3 returning id

-- name: forget
delete from entity_map where id = any (array(select id from entity_map where expires_at < $1 limit $2))
