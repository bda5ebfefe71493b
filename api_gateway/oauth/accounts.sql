-- name: add
insert into user_account (tenant_id, id, login, name, password_hash, roles)
select id, $2, $3, $4, $5, $6 from tenant where name = $1
returning id

-- name: by_login
select id, login, name, password_hash, roles, status, totp_secret, totp_confirmed, failures, locked_until
from user_account where login = $1 for update

-- name: by_id
select id, login, name, roles, status, totp_confirmed, email_verified from user_account where id = $1

-- name: attempt
update user_account set failures = failures + 1, locked_until = $2 where id = $1

-- name: undo_attempt
update user_account set failures = greatest(failures - 1, 0), locked_until = null where id = $1

-- name: succeeded
update user_account set failures = 0, locked_until = null, password_hash = $2 where id = $1

-- name: take_step
update user_account set totp_last_step = $2 where id = $1 and totp_last_step < $2 returning id

-- name: offer_totp
update user_account set totp_secret = $2 where id = $1 and not totp_confirmed returning id

-- name: totp_secret
select totp_secret from user_account where id = $1

-- name: confirm_totp
update user_account set totp_confirmed = true where id = $1

-- name: add_session
insert into login_session (tenant_id, token_hash, user_id, csrf, grant_id, second_factor, created_at, used_at, expires_at,
    provider_id, provider_subject, provider_session, id_token)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11)

-- name: session
select u.id, u.login, u.name, u.roles, u.totp_confirmed, s.csrf, s.grant_id, s.second_factor, s.created_at, s.session_id,
    s.provider_id, s.id_token
from login_session s join user_account u on u.id = s.user_id
where s.token_hash = $1 and s.expires_at > $2 and s.used_at > $3 and u.status = 'active'

-- name: used_session
update login_session set used_at = $2 where token_hash = $1 and used_at < $2::timestamptz - interval '1 minute'

-- name: strengthen
update login_session set second_factor = true where token_hash = $1

-- name: sessions_ending
select s.session_id from login_session s where s.token_hash = $1 or s.user_id = $2
    or (s.provider_id = $3 and (s.provider_session = $4 or ($4 is null and s.provider_subject = $5)))
for update

-- name: to_be_told
select s.user_id, s.session_id, c.client_id, c.backchannel_logout_uri as uri
from session_client k join login_session s on s.session_id = k.session_id join oauth_client c on c.client_id = k.client_id
where k.session_id = any($1::text[]) and c.backchannel_logout_uri is not null and c.status = 'active'

-- name: end_sessions
delete from login_session where session_id = any($1::text[]) returning grant_id, user_id

-- name: end_session_grants
update refresh_token set revoked_at = $2
where session_id = any($1::text[]) and revoked_at is null and not 'offline_access' = any(string_to_array(scope, ' '))
returning grant_id

-- name: end_grants
update refresh_token set revoked_at = $2 where user_id = $1 and revoked_at is null returning grant_id

-- name: revoke
insert into revoked_grant (grant_id, expires_at) select unnest($1::text[]), $2 on conflict do nothing

-- name: revoked
select grant_id from revoked_grant where expires_at > $1

-- name: list
select id, login, name, roles, status, totp_confirmed as "secondFactor", locked_until as "lockedUntil",
    created_at as "createdAt"
from user_account where id > $1 order by id limit $2

-- name: change
update user_account set roles = $2, status = $3 where id = $1 returning id
