-- name: list
select r.id, t.name as tenant, r.device, r.topic, r.reason, r.field, r.detail, octet_length(r.payload) as bytes,
    r.received_at, r.replayed_at
from rejected r join tenant t on t.id = r.tenant_id
where t.name = $1 and ($2::text is null or r.device = $2) and ($3::text is null or r.reason = $3)
    and ($4 or r.replayed_at is null)
order by r.id desc limit $5

-- name: show
select r.id, t.name as tenant, r.device, r.topic, r.reason, r.field, r.detail, r.payload, r.received_at, r.replayed_at
from rejected r join tenant t on t.id = r.tenant_id
where t.name = $1 and r.id = $2

-- name: to_replay
select r.id, r.topic, r.payload, r.received_at, r.sender
from rejected r join tenant t on t.id = r.tenant_id
where t.name = $1 and r.replayed_at is null and r.id > $4 and r.id <= $5
    and ($2::text is null or r.device = $2) and ($3::text is null or r.reason = $3)
order by r.id limit 500

-- name: newest
select coalesce(max(id), 0) from rejected

-- name: replayed
update rejected set replayed_at = $2 where id = any($1::bigint[])
