-- name: add_client
insert into oauth_client (tenant_id, client_id, name, secret_hash, scopes)
select id, $2, $3, $4, $5 from tenant where name = $1
returning client_id

-- name: client
select client_id, name, secret_hash, scopes, grant_types, status, auth_method, redirect_uris, jwks::text as jwks,
    post_logout_redirect_uris
from oauth_client where client_id = $1

-- name: keys
select id, private_jwk::text as private_jwk from signing_key
where retired_at is null or retired_at > $1
order by retired_at is not null, created_at desc, id

-- name: lock_keys
select pg_advisory_xact_lock(hashtext('signing_key'))

-- name: add_key
insert into signing_key (id, private_jwk) values ($1, $2::text::jsonb)

-- name: retire_others
update signing_key set retired_at = now() where id <> $1 and retired_at is null

-- name: register_app
insert into oauth_client (tenant_id, client_id, name, secret_hash, scopes, grant_types, auth_method, redirect_uris, jwks,
    pending_scopes, purpose, owner_id, registration_hash, post_logout_redirect_uris, backchannel_logout_uri)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12, $13, $14)

-- name: update_app
update oauth_client set name = $2, redirect_uris = $3, jwks = $4::text::jsonb, pending_scopes = $5, purpose = $6,
    scopes = $7, grant_types = $8, post_logout_redirect_uris = $9, backchannel_logout_uri = $10
where client_id = $1

-- name: registration
select client_id, name, scopes, pending_scopes, grant_types, auth_method, redirect_uris, jwks::text as jwks, purpose,
    post_logout_redirect_uris, backchannel_logout_uri, status, created_at
from oauth_client where client_id = $1 and registration_hash = $2

-- name: apps_of
select client_id, name, scopes, pending_scopes, grant_types, auth_method, redirect_uris, jwks::text as jwks, purpose,
    post_logout_redirect_uris, backchannel_logout_uri, status, created_at
from oauth_client where owner_id = $1 order by created_at, client_id

-- name: apps
select client_id, name, scopes, pending_scopes, grant_types, auth_method, redirect_uris, jwks::text as jwks, purpose,
    post_logout_redirect_uris, backchannel_logout_uri, status, created_at, owner_id
from oauth_client where client_id > $1 order by client_id limit $2

-- name: own_app
select client_id, pending_scopes, auth_method from oauth_client where client_id = $1 and owner_id = $2

-- name: new_secret
update oauth_client set secret_hash = $2 where client_id = $1

-- name: suspend_app
update oauth_client set status = 'suspended' where client_id = $1 returning client_id

-- name: activate_app
update oauth_client set status = 'active' where client_id = $1 returning client_id

-- name: grant_scopes
update oauth_client set scopes = (select coalesce(array_agg(distinct s order by s), '{}')
        from unnest(scopes || (select coalesce(array_agg(p), '{}') from unnest(pending_scopes) p where p = any($2::text[]))) s),
    pending_scopes = '{}'
where client_id = $1 returning scopes

-- name: grants_of_client
update refresh_token set revoked_at = now() where client_id = $1 and revoked_at is null returning grant_id

-- name: add_code
insert into authorization_code (tenant_id, code_hash, client_id, user_id, grant_id, redirect_uri, scope, nonce, challenge,
    authenticated_at, expires_at, session_id, second_factor)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: add_session_client
insert into session_client (tenant_id, session_id, client_id)
select s.tenant_id, s.session_id, $2 from login_session s where s.session_id = $1
on conflict do nothing

-- name: code
select user_id, grant_id, redirect_uri, scope, nonce, challenge, authenticated_at, expires_at, used_at, session_id,
    second_factor
from authorization_code where code_hash = $1 and client_id = $2

-- name: use_code
update authorization_code set used_at = $2 where code_hash = $1 and used_at is null and expires_at > $2 returning grant_id

-- name: add_refresh
insert into refresh_token (tenant_id, token_hash, grant_id, client_id, user_id, scope, authenticated_at, expires_at,
    session_id, second_factor)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: refresh
select grant_id, client_id, user_id, scope, authenticated_at, expires_at, used_at, revoked_at, session_id, second_factor
from refresh_token where token_hash = $1

-- name: use_refresh
update refresh_token set used_at = $2
where token_hash = $1 and used_at is null and revoked_at is null and expires_at > $2 returning grant_id

-- name: end_grant
update refresh_token set revoked_at = coalesce(revoked_at, $2) where grant_id = $1

-- name: see_assertion
insert into assertion_seen (tenant_id, client_id, jti, expires_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3) on conflict do nothing returning jti
