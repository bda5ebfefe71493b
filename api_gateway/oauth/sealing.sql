-- name: alone
select pg_advisory_xact_lock(hashtext('audit_seal'), $1::int)

-- name: last
select number, digest from audit_seal where tenant_id = $1 order by number desc limit 1

-- name: fresh
select id, jsonb_build_array(id, sealed_as(tenant_id), extract(epoch from at), actor, client, action, object, purpose, address,
    allowed, detail)::text as record
from audit
where tenant_id = $1
    and id > coalesce((select max(last_id) from audit_seal where tenant_id = $1 and at < $2::timestamptz - interval '1 hour'), 0)
    and id not in (select unnest(ids) from audit_seal where tenant_id = $1 and at >= $2::timestamptz - interval '1 hour')
order by id limit $3

-- name: records
select id, jsonb_build_array(id, sealed_as(tenant_id), extract(epoch from at), actor, client, action, object, purpose, address,
    allowed, detail)::text as record
from audit where tenant_id = $1 and id = any($2::bigint[]) order by id

-- name: add
insert into audit_seal (tenant_id, number, ids, last_id, digest, at) values ($1, $2, $3, $4, $5, $6)

-- name: seals
select number, ids, digest, at from audit_seal where tenant_id = $1 and number > $2 order by number limit 100

-- name: lines
select count(*) from audit where tenant_id = $1
