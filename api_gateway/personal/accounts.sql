-- name: about
select login, name, roles, status, totp_confirmed as second_factor, created_at from user_account where id = $1

-- name: apps
select client_id, name, created_at from oauth_client where owner_id = $1 order by client_id

-- name: erase
update user_account set login = 'erased-' || md5(id) || '@invalid', name = '', password_hash = '', totp_secret = null,
    totp_confirmed = false, roles = '{}', status = 'suspended'
where id = $1 and status <> 'suspended' returning id

-- name: outside
select p.title, i.linked_at from external_identity i join identity_provider p on p.id = i.provider_id where i.user_id = $1

-- name: forget_outside
delete from external_identity where user_id = $1

-- name: names
select id, name, login from user_account where id = any($1::text[])
union all
select client_id, name, '' from oauth_client where client_id = any($1::text[])

-- name: by_login
select id, name from user_account where login = $1
