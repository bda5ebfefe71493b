-- name: add
insert into audit (tenant_id, at, actor, client, action, object, purpose, detail, address, allowed)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: list
select id, at, actor, client, action, object, purpose, address, allowed, detail
from audit where $1::bigint is null or id < $1 order by id desc limit $2

-- name: export
select id, at, actor, client, action, object, purpose, address, allowed, detail
from audit where tenant_id = (select id from tenant where name = $1) and at >= $2 and at < $3 and id > $4
order by id limit $5
