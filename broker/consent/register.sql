-- name: add_person
insert into person (tenant_id, id, name, born, created_at)
values ((select id from tenant where name = $1), $2, $3, $4, $5)
on conflict (tenant_id, id) do nothing

-- name: person
select id, name, born from person where tenant_id = (select id from tenant where name = $1) and id = $2

-- name: link
insert into person_link (tenant_id, service, reference, person, linked_by, linked_at)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6)
on conflict (tenant_id, service, reference) do nothing

-- name: linked
select person from person_link
where tenant_id = (select id from tenant where name = $1) and service = $2 and reference = $3

-- name: unlink
delete from person_link
where tenant_id = (select id from tenant where name = $1) and service = $2 and reference = $3 and person = $4
returning reference

-- name: references
select reference from person_link
where tenant_id = (select id from tenant where name = $1) and person = $2 and service = $3 order by reference

-- name: guardianships
select id, guardian, child, relation, since, until, ended_at from guardianship
where tenant_id = (select id from tenant where name = $1) and child = $2 and guardian = $3

-- name: add_consent
insert into consent (tenant_id, id, person, recipient, category, purpose, sensitive, since, until, given_by, given_at)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: lock_consent
select id, person, recipient, category, purpose, sensitive, since, until, withdrawn_at from consent
where tenant_id = (select id from tenant where name = $1) and id = $2 for update

-- name: withdraw
update consent set withdrawn_at = $3, withdrawn_by = $4
where tenant_id = (select id from tenant where name = $1) and id = $2

-- name: add_evidence
insert into consent_evidence (tenant_id, at, kind, person, statement)
values ((select id from tenant where name = $1), $2, $3, $4, $5)

-- name: standing
select id from consent
where tenant_id = (select id from tenant where name = $1) and person = $2 and recipient = $3 and category = $4
    and purpose = $5 and withdrawn_at is null and until > $6
