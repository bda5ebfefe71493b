-- name: evidence
with city as (select id from tenant where name = $1)
select 'consents' as kind, to_jsonb(c)::text as doc from consent c, city
where c.tenant_id = city.id and c.person = $2 and c.recipient = $3
union all
select 'guardianships', to_jsonb(g)::text from guardianship g, city
where g.tenant_id = city.id and g.child = $2 and g.guardian = $3
union all
select 'grounds', to_jsonb(l)::text from legal_ground l, city
where l.tenant_id = city.id and l.recipient = $3 and l.category = $4 and l.purpose = $5
union all
select 'emergencies', to_jsonb(e)::text from emergency_access e, city
where e.tenant_id = city.id and e.person = $2 and e.officer = $6

-- name: persons_with_evidence
with city as (select id from tenant where name = $1)
select c.person from consent c, city
where c.tenant_id = city.id and c.recipient = $2 and c.category = $3 and c.purpose = $4 and c.withdrawn_at is null
    and c.since <= $5 and c.until > $5
union
select g.child from guardianship g, city
where g.tenant_id = city.id and g.guardian = $2 and g.ended_at is null and g.since <= $5 and g.until > $5
union
select e.person from emergency_access e, city
where e.tenant_id = city.id and e.officer = $6 and e.ended_at is null and e.since <= $5 and e.until > $5
limit $7

-- name: evidence_of_many
with city as (select id from tenant where name = $1)
select 'consents' as kind, c.person, to_jsonb(c)::text as doc from consent c, city
where c.tenant_id = city.id and c.person = any($2::text[]) and c.recipient = $3 and c.category = $4 and c.purpose = $5
union all
select 'guardianships', g.child, to_jsonb(g)::text from guardianship g, city
where g.tenant_id = city.id and g.child = any($2::text[]) and g.guardian = $3
union all
select 'grounds', '', to_jsonb(l)::text from legal_ground l, city
where l.tenant_id = city.id and l.recipient = $3 and l.category = $4 and l.purpose = $5
union all
select 'emergencies', e.person, to_jsonb(e)::text from emergency_access e, city
where e.tenant_id = city.id and e.person = any($2::text[]) and e.officer = $6

-- name: record
insert into disclosure (tenant_id, at, person, recipient, by, category, purpose, sensitive, reference, allowed, ground,
    basis, why)
select id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 from tenant where name = $1

-- name: person_of
select person from person_link
where tenant_id = (select id from tenant where name = $1) and service = $2 and reference = $3
