-- name: register
insert into device (tenant_id, id, family, kind, status, entity_id, entity_type, secret_hash, profile, broker_password)
select t.id, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10 from tenant t where t.name = $1
on conflict (tenant_id, id) do update set family = excluded.family, kind = excluded.kind, status = excluded.status,
    entity_id = excluded.entity_id, entity_type = excluded.entity_type,
    secret_hash = coalesce(excluded.secret_hash, device.secret_hash), profile = excluded.profile,
    broker_password = coalesce(excluded.broker_password, device.broker_password)

-- name: quarantine
insert into device (tenant_id, id, family, status)
select t.id, d.id, d.family, 'quarantined'
from unnest($1::text[], $2::text[], $3::text[]) as d (tenant, id, family)
join tenant t on t.name = d.tenant
on conflict do nothing

-- name: since
select t.name as tenant, t.unknown_devices, d.id, d.family, d.kind, d.status, d.entity_id, d.entity_type,
    d.secret_hash, d.previous_hash, d.previous_until, d.profile::text as profile, d.updated_at,
    case when d.certified then array(select c.fingerprint from device_certificate c
        where c.tenant_id = d.tenant_id and c.device = d.id and c.revoked_at is null) end as certificates
from device d join tenant t on t.id = d.tenant_id
where (d.updated_at, t.name, d.id) > ($1, $2, $3)
order by d.updated_at, t.name, d.id
limit $4

-- name: tenants
select name, unknown_devices from tenant

-- name: to_describe
select t.name as tenant, d.id, d.entity_id, d.entity_type, d.profile::text as profile, d.updated_at
from device d join tenant t on t.id = d.tenant_id
where (d.updated_at, t.name, d.id) > ($1, $2, $3) and d.entity_id is not null and d.status = 'approved'
order by d.updated_at, t.name, d.id
limit $4

-- name: list
select d.id, d.family, d.kind, d.status, d.entity_id, d.updated_at
from device d join tenant t on t.id = d.tenant_id
where t.name = $1 and ($2::text is null or d.status = $2)
order by d.id

-- name: set_status
update device d set status = $3 from tenant t where t.id = d.tenant_id and t.name = $1 and d.id = $2

-- name: seen
insert into device_seen (tenant_id, device, at)
select t.id, s.device, s.at from unnest($1::text[], $2::text[], $3::timestamptz[]) as s (tenant, device, at)
join tenant t on t.name = s.tenant
order by t.id, s.device
on conflict (tenant_id, device) do update set at = excluded.at where device_seen.at < excluded.at

-- name: rotate
update device set previous_hash = case when $3::timestamptz is null then null else secret_hash end, previous_until = $3,
    secret_hash = $2, broker_password = $4
where id = $1 and tenant_id = current_setting('cityos.tenant_id')::int returning id

-- name: offer
update device set claim_hash = $2, status = 'quarantined', secret_hash = null, broker_password = null
where id = $1 and tenant_id = current_setting('cityos.tenant_id')::int returning id

-- name: claim
update device set claim_hash = null, claimed_by = $2, secret_hash = $3, broker_password = $4
where claim_hash = $1 and tenant_id = current_setting('cityos.tenant_id')::int returning id, family

-- name: for_brokers
select t.name as tenant, t.unknown_devices, d.id, d.family, d.kind, d.status, d.entity_id, d.entity_type,
    d.secret_hash, d.previous_hash, d.previous_until, d.profile::text as profile, d.updated_at, d.broker_password,
    case when d.certified then array(select c.fingerprint from device_certificate c
        where c.tenant_id = d.tenant_id and c.device = d.id and c.revoked_at is null) end as certificates
from device d join tenant t on t.id = d.tenant_id
where (t.name, d.id) > ($1, $2)
order by t.name, d.id
limit $3

-- name: family
select family from device where id = $1
