-- name: client
select status, scopes from oauth_client where tenant_id = (select id from tenant where name = $1) and client_id = $2

-- name: person
select status, roles from user_account where tenant_id = (select id from tenant where name = $1) and id = $2
