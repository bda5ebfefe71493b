-- name: registrations
select t.id as tenant_id, t.name as tenant, r.doc::text as doc, r.modified_at
from registration r join tenant t on t.id = r.tenant_id order by r.tenant_id, r.created_at, r.id

-- name: subscriptions
select id, doc::text as doc, revision from subscription
where tenant_id = $1 and kind = 'entities' and active order by id limit $2

-- name: kept
select k.tenant_id, k.id, k.made_of from source_subscription k where k.wanted

-- name: any
select exists (select from source_subscription)

-- name: want
insert into source_subscription (tenant_id, id, subscription_id, source, made_of, key)
select tenant_id, id, subscription_id, source::jsonb, made_of, key
from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    as w (tenant_id, id, subscription_id, source, made_of, key)

-- name: drop
update source_subscription s set wanted = false, attempts = 0, due_at = $3
from unnest($1::int[], $2::text[]) as w (tenant_id, id) where s.tenant_id = w.tenant_id and s.id = w.id

-- name: claim
with mine as (
    select tenant_id, id from source_subscription where not (wanted and there) and due_at <= $1 order by due_at limit $2
    for update skip locked
), claimed as (
    update source_subscription s set due_at = $1::timestamptz + interval '1 minute', attempts = attempts + 1
    from mine where s.tenant_id = mine.tenant_id and s.id = mine.id returning s.*
)
select c.tenant_id, t.name as tenant, c.id, c.source::text as source, c.key, c.wanted, c.attempts,
    s.doc::text as doc
from claimed c join tenant t on t.id = c.tenant_id
left join subscription s on s.tenant_id = c.tenant_id and s.kind = 'entities' and s.id = c.subscription_id

-- name: made
update source_subscription set there = true, attempts = 0 where tenant_id = $1 and id = $2

-- name: gone
delete from source_subscription where tenant_id = $1 and id = $2

-- name: later
update source_subscription set due_at = $3 where tenant_id = $1 and id = $2

-- name: tenant_of_key
select subscription_of_key($1)

-- name: of_key
select s.id, s.revision, s.doc::text as doc, s.last_notification, k.source::text as source
from source_subscription k join subscription s on s.kind = 'entities' and s.id = k.subscription_id
where k.key = $1 and k.wanted and s.active

-- name: tell
insert into notification (tenant_id, kind, subscription_id, body, revision)
values (current_setting('cityos.tenant_id')::int, 'entities', $1, $2::jsonb, $3)

-- name: told
update subscription set last_notification = $2 where kind = 'entities' and id = $1
