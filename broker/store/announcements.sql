-- name: subscribers
select tenant_id, id, doc::text as doc from subscription
where kind = 'registrations' and active and next_at is null order by created_at, id

-- name: subscriber
select tenant_id, id, doc::text as doc from subscription where kind = 'registrations' and id = $1 and active

-- name: registrations
select doc::text as doc from registration
where tenant_id = $1 and (expires_at is null or expires_at > $2) order by created_at, id limit $3

-- name: put
insert into notification (tenant_id, kind, subscription_id, body) values ($1, 'registrations', $2, $3::jsonb)

-- name: told
update subscription set last_notification = coalesce($3, last_notification), next_at = $4
where tenant_id = $1 and kind = 'registrations' and id = $2

-- name: due
select t.name as tenant, s.tenant_id, s.id, s.doc::text as doc from subscription s join tenant t on t.id = s.tenant_id
where s.active and s.kind = 'registrations' and s.next_at <= $1
order by s.next_at limit 100 for update of s skip locked
