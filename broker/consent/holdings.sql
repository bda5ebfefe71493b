-- name: open_request
select id from deletion_request
where tenant_id = (select id from tenant where name = $1) and person = $2 and decision is null

-- name: ask
insert into deletion_request (tenant_id, id, person, asked_by, categories, reason, asked_at)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7)

-- name: lock_request
select person, asked_by, categories, decision from deletion_request
where tenant_id = (select id from tenant where name = $1) and id = $2 for update

-- name: decide
update deletion_request set decided_by = $3, decided_at = $4, decision = $5, explanation = $6, erased = $7::jsonb
where tenant_id = (select id from tenant where name = $1) and id = $2

-- name: requests
select id, person, asked_by, categories, reason, asked_at, decision, decided_by, decided_at, explanation,
    erased::text as erased
from deletion_request
where tenant_id = (select id from tenant where name = $1) and ($2::text is null or person = $2)
order by (decision is null) desc, asked_at desc limit $3

-- name: entities
select id, doc::text as doc from entity_ever where first_type = $1 and doc -> $2 ->> 'object' = $3 order by id

-- name: entity_itself
select id, doc::text as doc from entity_ever where first_type = $1 and id = $2
