-- name: consents
select id, recipient, category, purpose, sensitive, since, until, given_by, withdrawn_at, withdrawn_by
from consent where tenant_id = (select id from tenant where name = $1) and person = $2
order by (withdrawn_at is null) desc, since desc, id limit $3

-- name: disclosures
select id, at, recipient, by, category, purpose, reference, allowed, ground, why
from disclosure
where tenant_id = (select id from tenant where name = $1) and person = $2 and ($3::bigint is null or id < $3)
    and ($5 or recipient <> person)
order by id desc limit $4

-- name: emergencies
select e.id, e.officer, e.categories, e.reason, e.since, e.until, e.ended_at, e.reviewed_at, e.outcome, e.review,
    (select count(*) from disclosure d
     where d.tenant_id = e.tenant_id and d.person = e.person and d.basis = e.id) as disclosures
from emergency_access e where e.tenant_id = (select id from tenant where name = $1) and e.person = $2
order by e.since desc limit $3

-- name: links
select service, reference, linked_at from person_link
where tenant_id = (select id from tenant where name = $1) and person = $2 order by service, reference limit $3

-- name: guardians
select g.id, g.guardian, g.child, g.relation, g.since, g.until, g.ended_at, p.name as guardian_name, c.name as child_name
from guardianship g
join person p on p.tenant_id = g.tenant_id and p.id = g.guardian
join person c on c.tenant_id = g.tenant_id and c.id = g.child
where g.tenant_id = (select id from tenant where name = $1) and (g.guardian = $2 or g.child = $2)
order by g.since desc limit $3

-- name: evidence
select at, kind, statement from consent_evidence
where tenant_id = (select id from tenant where name = $1) and person = $2 order by id limit $3

-- name: persons
select p.id, p.name, p.born, p.created_at from person p
where p.tenant_id = (select id from tenant where name = $1) and p.id > $2 and (p.name ilike $3 or p.id = $4)
order by p.id limit $5
