-- name: state
select count(*), max(modified_at) from subscription where kind = 'entities'

-- name: all
select t.name as tenant, s.tenant_id, s.id, s.doc::text as doc
from subscription s join tenant t on t.id = s.tenant_id where s.kind = 'entities' and s.active

-- name: throttled
select last_notification from subscription where tenant_id = $1 and kind = 'entities' and id = $2

-- name: put
insert into notification (tenant_id, kind, subscription_id, body) values ($1, 'entities', $2, $3::jsonb)

-- name: told
update subscription set last_notification = $3, next_at = case when next_at is null then null else $4::timestamptz end
where tenant_id = $1 and kind = 'entities' and id = $2

-- name: due
select t.name as tenant, s.tenant_id, s.id, s.doc::text as doc from subscription s join tenant t on t.id = s.tenant_id
where s.active and s.kind = 'entities' and s.next_at <= $1 order by s.next_at limit 100 for update of s skip locked

-- name: claim
with oldest as (
    select distinct on (tenant_id, subscription_id) id, due_at from notification
    where state = 'waiting' order by tenant_id, subscription_id, id
), mine as (
    select n.id from notification n join oldest o using (id) where o.due_at <= $1 order by n.id limit $3
    for update of n skip locked
)
update notification n set due_at = $2, attempts = n.attempts + 1 from mine, tenant t
where n.id = mine.id and t.id = n.tenant_id
returning n.id, n.tenant_id, t.name as tenant, n.subscription_id, n.body::text as body, n.attempts,
    (select doc::text from subscription s
     where s.tenant_id = n.tenant_id and s.kind = n.kind and s.id = n.subscription_id) as doc

-- name: settle
delete from notification where id = $1

-- name: again
update notification set due_at = $2, error = $3, state = $4 where id = $1

-- name: count_sent
update subscription set times_sent = times_sent + 1, last_success = $3, status = 'ok'
where tenant_id = $1 and kind = 'entities' and id = $2

-- name: count_failed
update subscription set times_failed = times_failed + 1, last_failure = $3, status = 'failed'
where tenant_id = $1 and kind = 'entities' and id = $2
