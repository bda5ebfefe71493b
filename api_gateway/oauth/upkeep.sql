-- name: authorization_code
delete from authorization_code where code_hash = any (array(
    select code_hash from authorization_code where expires_at < $1::timestamptz - $3::interval limit $2))

-- name: refresh_token
delete from refresh_token where token_hash = any (array(
    select token_hash from refresh_token where expires_at < $1::timestamptz - $3::interval limit $2))

-- name: login_session
delete from login_session where token_hash = any (array(
    select token_hash from login_session where expires_at < $1::timestamptz - $3::interval limit $2))

-- name: assertion_seen
delete from assertion_seen where ctid = any (array(
    select ctid from assertion_seen where expires_at < $1::timestamptz - $3::interval limit $2))

-- name: revoked_grant
delete from revoked_grant where grant_id = any (array(
    select grant_id from revoked_grant where expires_at < $1::timestamptz - $3::interval limit $2))

-- name: account_link
delete from account_link where token_hash = any (array(
    select token_hash from account_link where expires_at < $1::timestamptz - $3::interval limit $2))

-- name: external_login
delete from external_login where state_hash = any (array(
    select state_hash from external_login where expires_at < $1::timestamptz - $3::interval limit $2))
