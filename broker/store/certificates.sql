-- name: certified
update device d set certified = true from tenant t where t.id = d.tenant_id and t.name = $1 and d.id = $2 returning d.tenant_id

-- name: bind
insert into device_certificate (tenant_id, device, fingerprint, serial, expires_at) values ($1, $2, $3, $4, $5)

-- name: bound
select device from device_certificate where tenant_id = $1 and fingerprint = $2

-- name: revoke
update device_certificate c set revoked_at = $4 from tenant t
where t.id = c.tenant_id and t.name = $1 and c.device = $2 and ($3::text is null or c.serial = $3) and c.revoked_at is null
returning c.serial

-- name: list
select c.device, c.serial, encode(c.fingerprint, 'hex') as fingerprint, c.issued_at, c.expires_at, c.revoked_at
from device_certificate c join tenant t on t.id = c.tenant_id
where t.name = $1 and ($2::text is null or c.device = $2) order by c.device, c.issued_at
