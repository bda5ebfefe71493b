-- name: longest
select case when bool_or(keep is null) then null else $1::timestamptz - max(keep) end
from retention_of where kind = 'history'

-- name: tenants
select tenant_id, $1::timestamptz - keep as cutoff from retention_of where kind = $2 and keep is not null
order by tenant_id

-- name: series
select id from series where tenant_id = $1 and id > $2 order by id limit $3

-- name: history
with old as (
    select series_id, at, version from history
    where series_id = any($1::bigint[]) and at < $2 and received_at < $2
    limit $3
)
delete from history h using old o
where h.series_id = o.series_id and h.at = o.at and h.version = o.version and h.at < $2

-- name: rollup_hour
delete from history_hour where (series_id, start) in (
    select series_id, start from history_hour where series_id = any($1::bigint[]) and start < $2 limit $3
)

-- name: rollup_day
delete from history_day where (series_id, start) in (
    select series_id, start from history_day where series_id = any($1::bigint[]) and start < $2 limit $3
)

-- name: rejected
delete from rejected where id in (
    select r.id from rejected r
    join retention_of k on k.tenant_id = r.tenant_id and k.kind = 'rejected'
    where r.received_at < $1::timestamptz - k.keep
    order by r.id limit $2
)

-- name: rejected_bytes
delete from rejected where id in (
    select id from (
        select r.id, k.max_bytes, sum(octet_length(r.payload) + octet_length(r.detail) + octet_length(r.topic))
            over (partition by r.tenant_id order by r.received_at desc, r.id desc) as bytes
        from rejected r join retention_of k on k.tenant_id = r.tenant_id and k.kind = 'rejected'
        where pg_total_relation_size('rejected') > (select min(max_bytes) from retention_of where kind = 'rejected')
    ) s
    where bytes > max_bytes
    order by id limit $1
)

-- name: message_seen
delete from message_seen where ctid = any (array(
    select m.ctid from message_seen m
    join retention_of k on k.tenant_id = m.tenant_id and k.kind = 'message_seen'
    where m.seen_at < $1::timestamptz - k.keep and m.seen_at < $1::timestamptz - (
        select min(keep) from retention_of where kind = 'message_seen')
    limit $2
))

-- name: account
delete from account where ctid = any (array(
    select a.ctid from account a
    join retention_of k on k.tenant_id = a.tenant_id and k.kind = 'account'
    where a.day < ($1::timestamptz - k.keep)::date
    limit $2
))

-- name: entity_past
delete from entity_past where ctid = any (array(
    select p.ctid from entity_past p
    join retention_of k on k.tenant_id = p.tenant_id and k.kind = 'history'
    where p.deleted_at < $1::timestamptz - k.keep
    limit $2
))

-- name: attribute_past
delete from attribute_past where ctid = any (array(
    select p.ctid from attribute_past p
    join retention_of k on k.tenant_id = p.tenant_id and k.kind = 'history'
    where p.deleted_at < $1::timestamptz - k.keep
    limit $2
))

-- name: history_withdrawn
delete from history_withdrawn where ctid = any (array(
    select w.ctid from history_withdrawn w
    join retention_of k on k.tenant_id = w.tenant_id and k.kind = 'history'
    where w.withdrawn_at < $1::timestamptz - k.keep
    limit $2
))
