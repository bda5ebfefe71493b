-- name: list
select s.id, s.channel, s.target, s.name, s.status, s.filter::text as takes, s.failures, d.waiting, d.dead, s.last_error
from subscriber s
join tenant t on t.id = s.tenant_id
cross join lateral (
    select count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'dead') as dead
    from delivery where subscriber_id = s.id
) d
where t.name = $1
order by s.id

-- name: remove
delete from subscriber s using tenant t
where t.id = s.tenant_id and t.name = $1 and s.id = $2
returning s.channel, s.target

-- name: resume
update subscriber s set status = 'active', hold_until = '-infinity', failures = 0
from tenant t
where t.id = s.tenant_id and t.name = $1 and s.id = $2
returning s.id

-- name: dead
select id from delivery where subscriber_id = $1 and state = 'dead'

-- name: forget_addresses
delete from subscriber s using tenant t
where t.id = s.tenant_id and t.name = $1 and s.channel = $2 and s.target = any($3::text[])
    and s.filter -> 'kinds' = jsonb_build_array($4::text)
    and not exists (select from person_subscriber p where p.subscriber_id = s.id)
