-- name: add_guardianship
insert into guardianship (tenant_id, id, guardian, child, relation, since, until, confirmed_by)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7, $8)

-- name: lock_guardianship
select id, guardian, child, since, until, ended_at from guardianship
where tenant_id = (select id from tenant where name = $1) and id = $2 for update

-- name: end_guardianship
update guardianship set ended_at = $3, ended_by = $4
where tenant_id = (select id from tenant where name = $1) and id = $2

-- name: in_force
select id, guardian, child, since, until, ended_at from guardianship
where tenant_id = (select id from tenant where name = $1) and child = $2 and guardian = $3
    and ended_at is null and since <= $4 and until > $4
order by until desc limit 1

-- name: add_invitation
insert into guardian_invitation (tenant_id, code_hash, child, relation, invited_by, until, expires_at)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7)

-- name: lock_invitation
select child, relation, invited_by, until, expires_at, used_at from guardian_invitation
where tenant_id = (select id from tenant where name = $1) and code_hash = $2 for update

-- name: use_invitation
update guardian_invitation set used_at = $3, used_by = $4
where tenant_id = (select id from tenant where name = $1) and code_hash = $2
