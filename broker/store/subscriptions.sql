-- name: create_subscription
insert into subscription (tenant_id, id, kind, doc, active, next_at, created_at, modified_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4, $5, $6, $6)

-- name: change_subscription
update subscription set doc = $3::jsonb, active = $4, next_at = $5, modified_at = $6 where id = $1 and kind = $2

-- name: subscriptions
select id, doc::text as doc, active, status, times_sent, times_failed, last_notification, last_success, last_failure,
    created_at, modified_at from subscription
where kind = $1 and ($2::text is null or id = $2) order by created_at, id limit $3 offset $4

-- name: count_subscriptions
select count(*) from subscription where kind = $1

-- name: delete_subscription
delete from subscription where id = $1 and kind = $2 returning id

-- name: create_registration
insert into registration (tenant_id, id, doc, mode, expires_at, created_at, modified_at)
values (current_setting('cityos.tenant_id')::int, $1, $2::jsonb, $3, $4, $5, $5)

-- name: change_registration
update registration set doc = $2::jsonb, mode = $3, expires_at = $4, modified_at = $5 where id = $1

-- name: registrations
select id, doc::text as doc, created_at, modified_at, times_sent, times_failed, last_success, last_failure
from registration where ($1::text is null or id = $1) and (expires_at is null or expires_at > $2) order by created_at, id

-- name: delete_registration
delete from registration where id = $1 returning id
