-- name: changed_since
select s.until, c.city, c.subscription from (select pg_snapshot_xmin(pg_current_snapshot())::text as until) s
left join subscription_change c on c.xid >= $1::text::xid8

-- name: forget_changes
delete from subscription_change where ctid = any (array(
    select ctid from subscription_change where at < $1::timestamptz - interval '1 day' limit $2))

-- name: revisions
select tenant_id, id, revision from subscription where kind = 'entities' and active

-- name: revisions_of
-- Each is looked up by its key, here and below: a plan kept from when the table was small compared every key with
-- every row, which took four seconds for a thousand keys of ten thousand subscriptions.
select s.tenant_id, s.id, s.revision from unnest($1::int[], $2::text[]) as w (tenant_id, id)
cross join lateral (
    select tenant_id, id, revision from subscription
    where tenant_id = w.tenant_id and kind = 'entities' and id = w.id and active limit 1) s

-- name: subscriptions
select t.name as tenant, s.tenant_id, s.id, s.revision, s.doc::text as doc
from unnest($1::int[], $2::text[]) as w (tenant_id, id)
cross join lateral (
    select tenant_id, id, revision, doc from subscription
    where tenant_id = w.tenant_id and kind = 'entities' and id = w.id and active limit 1) s
join tenant t on t.id = s.tenant_id

-- name: last_told
select w.n, s.last_notification
from unnest($1::int[], $2::text[]) with ordinality as w (tenant_id, id, n)
cross join lateral (
    select last_notification from subscription
    where tenant_id = w.tenant_id and kind = 'entities' and id = w.id limit 1) s

-- name: paths_hold
select jsonb_path_exists($1::jsonb, p.path::jsonpath) as holds from unnest($2::text[]) with ordinality as p (path, n)
order by n

-- name: check_paths
select path::jsonpath::text from unnest($1::text[]) as p (path)

-- name: put
insert into notification (tenant_id, kind, subscription_id, body, disclosures, revision)
select tenant_id, 'entities', subscription_id, body::jsonb, disclosures::jsonb, revision
from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::bigint[]) with ordinality
    as n (tenant_id, subscription_id, body, disclosures, revision, place)
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
    where h.due_at <= $1 and n.due_at <= $1 order by n.id limit $2 for update of n skip locked
)
select n.id, m.tenant_id, t.name as tenant, m.kind, m.subscription_id, n.body::text as body, n.attempts, n.bundle,
    n.revision, n.disclosures::text as disclosures,
    case when n.place = 1 then s.doc::text end as doc
from mine m join tenant t on t.id = m.tenant_id
left join subscription s on s.tenant_id = m.tenant_id and s.kind = m.kind and s.id = m.subscription_id
cross join lateral (
    select id, body, attempts, bundle, revision, disclosures, row_number() over (order by id) as place,
        sum(pg_column_size(body)) over (order by id) as bytes
    from (
        select id, body, attempts, bundle, revision, disclosures from notification
        where state = 'waiting' and tenant_id = m.tenant_id and kind = m.kind and subscription_id = m.subscription_id
        order by id limit $3) queue) n
where n.place <= $4 or n.bytes <= $5
order by n.id

-- name: lease
update notification set due_at = $2, bundle = $3 where id = any($1::bigint[])

-- name: settle
delete from notification where id = any($1::bigint[])

-- name: refuse
update notification set state = 'refused', body = '{}', disclosures = null, error = $2 where id = any($1::bigint[])

-- name: release
update notification set due_at = $2, bundle = null where id = any($1::bigint[])

-- name: again
update notification set due_at = $2, bundle = null, error = $3, state = $4, attempts = attempts + 1 where id = $1

-- name: overflow
update notification set state = 'dead', error = $5 where id in (
    select id from notification
    where state = 'waiting' and tenant_id = $1 and kind = $2 and subscription_id = $3
    order by id desc offset $4)

-- name: purge
delete from notification where state in ('dead', 'refused') and created_at < $1

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
