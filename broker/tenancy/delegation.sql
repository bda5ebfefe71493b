-- name: add
insert into delegation (tenant_id, id, reader, types, purpose, since, until, given_by, given_at)
select current_setting('cityos.tenant_id')::int, $2, t.id, $3, $4, $5, $6, $7, $8
from tenant t where t.name = $1
returning id

-- name: list
select d.id, g.name as giver, r.name as reader, d.types, d.purpose, d.since, d.until, d.given_by as "givenBy",
    d.given_at as "givenAt", d.revoked_at as "revokedAt", d.revoked_by as "revokedBy"
from delegation d join tenant g on g.id = d.tenant_id join tenant r on r.id = d.reader
order by d.given_at desc, d.id limit 1000

-- name: revoke
update delegation set revoked_at = $2, revoked_by = $3
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and revoked_at is null
returning id
