-- name: add_ground
insert into legal_ground (tenant_id, id, ground, recipient, category, purpose, sensitive, law, justification, since,
    until, decided_by, decided_at)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $10)

-- name: revoke_ground
update legal_ground set revoked_at = $3, revoked_by = $4
where tenant_id = (select id from tenant where name = $1) and id = $2 and revoked_at is null returning id

-- name: grounds
select id, ground, recipient, category, purpose, sensitive, law, justification, since, until, decided_by, decided_at,
    revoked_at, revoked_by
from legal_ground where tenant_id = (select id from tenant where name = $1) order by decided_at desc, id limit $2

-- name: open_emergency
insert into emergency_access (tenant_id, id, officer, person, categories, reason, since, until)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7, $8)

-- name: lock_emergency
select id, officer, person, categories, reason, since, until, ended_at, outcome from emergency_access
where tenant_id = (select id from tenant where name = $1) and id = $2 for update

-- name: end_emergency
update emergency_access set ended_at = $3 where tenant_id = (select id from tenant where name = $1) and id = $2

-- name: review_emergency
update emergency_access set reviewed_by = $3, reviewed_at = $4, outcome = $5, review = $6,
    ended_at = coalesce(ended_at, least(until, $4))
where tenant_id = (select id from tenant where name = $1) and id = $2

-- name: emergencies
select e.id, e.officer, e.person, e.categories, e.reason, e.since, e.until, e.ended_at, e.reviewed_by, e.reviewed_at,
    e.outcome, e.review,
    (select count(*) from disclosure d
     where d.tenant_id = e.tenant_id and d.person = e.person and d.basis = e.id) as disclosures
from emergency_access e where e.tenant_id = (select id from tenant where name = $1)
order by (e.outcome is null) desc, e.since desc limit $2
