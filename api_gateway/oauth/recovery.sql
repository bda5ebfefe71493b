-- name: to_mail
select u.id, u.login, u.status,
    exists (select from account_link l where l.user_id = u.id and l.purpose = $2 and l.created_at > $3) as lately
from user_account u where u.login = $1 for update

-- name: add_link
insert into account_link (tenant_id, token_hash, user_id, purpose, created_at, expires_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)

-- name: link
select l.user_id, u.login, u.status from account_link l join user_account u on u.id = l.user_id
where l.token_hash = $1 and l.purpose = $2 and l.used_at is null and l.expires_at > $3

-- name: use_link
update account_link set used_at = $2 where token_hash = $1 and used_at is null returning user_id

-- name: end_links
update account_link set used_at = $2 where user_id = $1 and used_at is null

-- name: confirm
update user_account set email_verified = true, status = case status when 'unconfirmed' then 'active' else status end
where id = $1

-- name: unconfirm
update user_account set status = 'unconfirmed' where id = $1

-- name: set_password
update user_account set password_hash = $2, failures = 0, locked_until = null where id = $1
