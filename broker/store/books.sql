-- name: unbalanced
select t.name as tenant, a.device, a.day, a.received, a.outcomes
from (
    select tenant_id, device, day,
        coalesce(sum(count) filter (where outcome = 'received'), 0)::bigint as received,
        coalesce(sum(count) filter (where outcome <> 'received'), 0)::bigint as outcomes
    from accounting where day >= $1 group by tenant_id, device, day
) a
join tenant t on t.id = a.tenant_id
where a.received <> a.outcomes
order by a.day desc, t.name, a.device
limit $2

-- name: await_move
select pg_advisory_xact_lock_shared(hashtext('history_make_month'))

-- name: missing
with stored as (
    select tenant_id, sum(count)::bigint as count from accounting
    where day = $1 and outcome = 'stored' group by tenant_id
), held as (
    select tenant_id, count(*) as count
    from (
        select tenant_id, received_at from history
        union all
        select tenant_id, received_at from history_withdrawn
    ) h
    where received_at >= $1::timestamp at time zone 'UTC' and received_at < ($1::timestamp + interval '1 day') at time zone 'UTC'
    group by tenant_id
)
select t.name as tenant, s.count as stored, coalesce(h.count, 0) as held
from stored s
join tenant t on t.id = s.tenant_id
join retention_of r on r.tenant_id = s.tenant_id and r.kind = 'history'
left join held h on h.tenant_id = s.tenant_id
where coalesce(h.count, 0) < s.count and (r.keep is null or r.keep > interval '7 days')
order by t.name

-- name: positions
select consumer, partition, next from position where topic = $1 order by consumer, partition
