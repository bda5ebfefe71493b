-- Who may see and act for a resident's points is asked at the one gate now (broker/consent): a resident is a person,
-- their account is linked to them, and what they had allowed is a consent of theirs for a year from this day.

create temporary table moved on commit drop as
select distinct c.tenant_id, c.account, t.name || '.' || gen_random_uuid() as person
from points_consent c join tenant t on t.id = c.tenant_id
where not exists (
    select 1 from person_link l
    where l.tenant_id = c.tenant_id and l.service = 'points' and l.reference = c.account
);
insert into person (tenant_id, id, created_at) select tenant_id, person, now() from moved;
insert into person_link (tenant_id, service, reference, person, linked_by, linked_at)
select tenant_id, 'points', account, person, 'migration', now() from moved;

insert into consent (tenant_id, id, person, recipient, category, purpose, sensitive, since, until, given_by, given_at,
    withdrawn_at, withdrawn_by)
select c.tenant_id, t.name || '.' || gen_random_uuid(), l.person, c.client_id, 'points', 'points-wallet', false,
    c.granted_at, greatest(c.granted_at, now()) + interval '1 year', l.person, c.granted_at, c.withdrawn_at,
    case when c.withdrawn_at is null then null else l.person end
from points_consent c
join tenant t on t.id = c.tenant_id
join person_link l on l.tenant_id = c.tenant_id and l.service = 'points' and l.reference = c.account;

drop table points_consent;
