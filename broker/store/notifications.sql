-- name: changed_since
select s.until, c.city, c.subscription from (select pg_snapshot_xmin(pg_current_snapshot())::text as until) s
left join subscription_change c on c.xid >= $1::text::xid8

-- name: forget_changes
delete from subscription_change where ctid = any (array(
    select ctid from subscription_change where at < $1::timestamptz - interval '1 day' limit $2))

-- name: revisions
select tenant_id, id, revision from subscription where kind = 'entities' and active

-- name: revisions_of
select s.tenant_id, s.id, s.revision from unnest($1::int[], $2::text[]) as w (tenant_id, id)
join subscription s using (tenant_id, id) where s.kind = 'entities' and s.active

-- name: subscriptions
select t.name as tenant, s.tenant_id, s.id, s.revision, s.doc::text as doc
from unnest($1::int[], $2::text[]) as w (tenant_id, id) join subscription s using (tenant_id, id)
join tenant t on t.id = s.tenant_id
where s.kind = 'entities' and s.active

-- name: last_told
select w.n, s.last_notification
from unnest($1::int[], $2::text[]) with ordinality as w (tenant_id, id, n)
join subscription s on s.tenant_id = w.tenant_id and s.kind = 'entities' and s.id = w.id

-- name: paths_hold
select jsonb_path_exists($1::jsonb, p.path::jsonpath) as holds from unnest($2::text[]) with ordinality as p (path, n)
order by n

-- name: check_paths
select path::jsonpath::text from unnest($1::text[]) as p (path)

-- name: put
insert into notification (tenant_id, kind, subscription_id, body)
select tenant_id, 'entities', subscription_id, body::jsonb
from unnest($1::int[], $2::text[], $3::text[]) with ordinality as n (tenant_id, subscription_id, body, place)
order by place

-- name: told
update subscription s set last_notification = $3
from (select distinct tenant_id, id from unnest($1::int[], $2::text[]) as w (tenant_id, id)) w
where s.tenant_id = w.tenant_id and s.kind = 'entities' and s.id = w.id

-- name: next_at
update subscription set next_at = $3 where tenant_id = $1 and kind = 'entities' and id = $2 and next_at is not null

-- name: due
select t.name as tenant, s.tenant_id, s.id, s.revision, s.doc::text as doc
from subscription s join tenant t on t.id = s.tenant_id
where s.active and s.kind = 'entities' and s.next_at <= $1 order by s.next_at limit 100 for update of s skip locked

-- name: claim
with recursive head as (
    (select tenant_id, kind, subscription_id, id, due_at from notification where state = 'waiting'
     order by tenant_id, kind, subscription_id, id limit 1)
    union all
    select n.* from head h cross join lateral (
        select tenant_id, kind, subscription_id, id, due_at from notification
        where state = 'waiting' and (tenant_id, kind, subscription_id) > (h.tenant_id, h.kind, h.subscription_id)
        order by tenant_id, kind, subscription_id, id limit 1) n
), mine as (
    select n.id, n.tenant_id, n.kind, n.subscription_id from notification n join head h using (id)
    where h.due_at <= $1 and n.due_at <= $1 order by n.id limit $3 for update of n skip locked
), turn as (
    select n.id from mine m cross join lateral (
        select id from notification
        where state = 'waiting' and tenant_id = m.tenant_id and kind = m.kind and subscription_id = m.subscription_id
        order by id limit $4) n
), leased as (
    update notification n set due_at = $2 from turn where n.id = turn.id returning n.*
)
select n.id, n.tenant_id, t.name as tenant, n.kind, n.subscription_id, n.body::text as body, n.attempts,
    s.doc::text as doc
from leased n join tenant t on t.id = n.tenant_id
left join subscription s on s.tenant_id = n.tenant_id and s.kind = n.kind and s.id = n.subscription_id
order by n.id

-- name: settle
delete from notification where id = any($1::bigint[])

-- name: release
update notification set due_at = $2 where id = any($1::bigint[])

-- name: again
update notification set due_at = $2, error = $3, state = $4, attempts = attempts + 1 where id = $1

-- name: overflow
update notification set state = 'dead', error = $5 where id in (
    select id from notification
    where state = 'waiting' and tenant_id = $1 and kind = $2 and subscription_id = $3
    order by id desc offset $4)

-- name: purge
delete from notification where state = 'dead' and created_at < $1

-- name: count_sent
update subscription set times_sent = times_sent + $5, last_success = $4, status = 'ok'
where tenant_id = $1 and kind = $2 and id = $3

-- name: count_failed
update subscription set times_failed = times_failed + 1, last_failure = $4, status = 'failed'
where tenant_id = $1 and kind = $2 and id = $3

-- name: dead
select n.id, n.subscription_id as subscription, n.attempts, n.created_at as "since", n.error
from notification n join tenant t on t.id = n.tenant_id where n.state = 'dead' and t.name = $1 order by n.id limit $2

-- name: revive
update notification n set state = 'waiting', attempts = 0, due_at = now() from tenant t
where t.id = n.tenant_id and t.name = $1 and n.state = 'dead' and n.subscription_id = $2
returning n.id
