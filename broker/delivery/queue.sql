-- name: subscribe
insert into subscriber (tenant_id, name, channel, target, secret, filter)
select id, $2, $3, $4, $5, $6::jsonb from tenant where name = $1
returning id

-- name: addressee
insert into subscriber (tenant_id, name, channel, target, filter)
select id, 'account', $2, $3, $4::jsonb from tenant where name = $1
on conflict (tenant_id, channel, target) do update set target = excluded.target
returning id

-- name: subscribers
select s.id, s.channel, s.filter::text as filter
from subscriber s join tenant t on t.id = s.tenant_id
where t.name = $1 and s.status <> 'gone' and s.filter -> 'kinds' is distinct from '[]'::jsonb

-- name: enqueue
insert into delivery (tenant_id, subscriber_id, notice_id, notice, created_at)
select t.id, d.subscriber_id, d.notice_id, d.notice::jsonb, $5
from tenant t, unnest($2::bigint[], $3::text[], $4::text[]) as d (subscriber_id, notice_id, notice)
where t.name = $1
on conflict (subscriber_id, notice_id) do nothing
returning id

-- name: claim
with due as (
    select s.id from subscriber s
    where s.status = 'active' and s.hold_until <= $1 and s.leased_until <= $1 and s.channel = any($4::text[])
        and exists (select from delivery d where d.subscriber_id = s.id and d.state = 'waiting')
    order by s.leased_until
    limit $3
    for update of s skip locked
)
update subscriber s set leased_until = $2
from due, tenant t
where s.id = due.id and t.id = s.tenant_id
returning s.id, t.name as tenant, s.channel, s.target, s.secret, s.failures

-- name: oldest
select d.* from unnest($1::bigint[]) as s (id)
cross join lateral (
    select id, subscriber_id, notice::text as notice, attempts, created_at from delivery
    where subscriber_id = s.id and state = 'waiting'
    order by id
    limit $2
) d
order by d.id

-- name: succeeded
update delivery set state = 'done', attempts = attempts + 1, last_error = null, settled_at = $2,
    notice = case when notice -> 'private' = 'true' then '{}' else notice end
where id = $1

-- name: failed
update delivery set attempts = attempts + 1, last_error = $2,
    state = case when $3 then 'dead' else state end,
    settled_at = case when $3 then $4::timestamptz end
where id = $1

-- name: refused
update delivery set state = 'refused', last_error = $2, settled_at = $3, notice = '{}' where id = $1

-- name: take_back
delete from delivery d using tenant t where t.id = d.tenant_id and t.name = $1 and d.notice_id = any($2::text[])
    and ($3 or d.state = 'waiting')
returning d.notice_id

-- name: hold
update subscriber set hold_until = $2, last_error = $3, failures = failures + $4 where id = $1

-- name: release
update subscriber set leased_until = '-infinity',
    failures = case when $2 then 0 else failures end,
    last_error = case when $2 then null else last_error end,
    status = case when $3 then 'gone' else status end
where id = $1

-- name: revive
with back as (
    update delivery set state = 'waiting', attempts = 0, settled_at = null
    where id = any($1::bigint[]) and state = 'dead'
    returning id, subscriber_id
), tried as (
    update subscriber set hold_until = '-infinity', failures = 0 where id in (select subscriber_id from back)
)
select id from back

-- name: purge
delete from delivery where id in (
    select id from delivery where state <> 'waiting' and settled_at < $1 order by settled_at limit 10000
)
returning id

-- name: audience
select s.channel, s.filter::text as filter
from subscriber s join tenant t on t.id = s.tenant_id
where t.name = $1 and s.status <> 'gone' and s.filter -> 'kinds' is distinct from '[]'::jsonb
