-- name: providers
select id, title from identity_provider where status = 'active' order by title, id

-- name: provider
select id, title, issuer, client_id, client_secret, opens_accounts, trusts_mfa
from identity_provider where id = $1 and status = 'active'

-- name: begin
insert into external_login (tenant_id, state_hash, browser_hash, provider_id, nonce, verifier, next, link_to, expires_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8)

-- name: forget_old
delete from external_login where expires_at < $1

-- name: take
delete from external_login where state_hash = $1 and browser_hash = $2 and provider_id = $3
returning nonce, verifier, next, link_to, expires_at

-- name: known
select u.id, u.status from external_identity i join user_account u on u.id = i.user_id
where i.provider_id = $1 and i.subject = $2

-- name: link
insert into external_identity (tenant_id, provider_id, subject, user_id, linked_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4) on conflict do nothing returning user_id

-- name: links
select i.provider_id as id, p.title, i.linked_at as "linkedAt"
from external_identity i join identity_provider p on p.id = i.provider_id
where i.user_id = $1 order by p.title, i.linked_at

-- name: unlink
delete from external_identity where provider_id = $1 and user_id = $2 returning subject

-- name: has_password
select password_hash like '$argon2%' from user_account where id = $1

-- name: see_logout
insert into assertion_seen (tenant_id, client_id, jti, expires_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3) on conflict do nothing returning jti

-- name: add_provider
insert into identity_provider (tenant_id, id, title, issuer, client_id, client_secret, opens_accounts, trusts_mfa)
select t.id, t.name || '.' || $2, $3, $4, $5, $6, $7, $8 from tenant t where t.name = $1
returning id

-- name: list_providers
select p.id, p.title, p.issuer, p.client_id, p.opens_accounts, p.trusts_mfa, p.status,
    (select count(*) from external_identity i where i.provider_id = p.id) as people
from identity_provider p order by p.id

-- name: set_status
update identity_provider set status = $2 where id = $1 returning id
