-- name: shelters
select s.body::text as body, t.body::text as standing
from shelter s
left join shelter_standing t on t.tenant_id = s.tenant_id and t.shelter_id = s.id and t.mode = $1
where s.tenant_id = current_setting('cityos.tenant_id')::int
order by s.position, s.id

-- name: shelter
select body::text as body from shelter where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: forget
delete from shelter where tenant_id = current_setting('cityos.tenant_id')::int and id <> all($1::text[])

-- name: save
insert into shelter (tenant_id, id, position, body)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb)
on conflict (tenant_id, id) do update set position = excluded.position, body = excluded.body

-- name: begin
insert into shelter_standing (tenant_id, shelter_id, mode, body, changed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4)
on conflict do nothing

-- name: lock
select body::text as body from shelter_standing
where tenant_id = current_setting('cityos.tenant_id')::int and shelter_id = $1 and mode = $2 for update

-- name: set
update shelter_standing set body = $3::jsonb, changed_at = $4
where tenant_id = current_setting('cityos.tenant_id')::int and shelter_id = $1 and mode = $2

-- name: passing
insert into shelter_passing (tenant_id, shelter_id, mode, id, people, at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)
on conflict do nothing returning id

-- name: report
select state, shelter_id, note, reported_by, reported_at, consent from safety_report
where tenant_id = (select id from tenant where name = $1) and person = $2

-- name: reports
select person, state, shelter_id, note, reported_by, reported_at from safety_report
where tenant_id = (select id from tenant where name = $1) and person = any($2::text[])
order by reported_at desc

-- name: reporters
select person from safety_report where tenant_id = (select id from tenant where name = $1) order by person limit $2

-- name: counts
select coalesce(shelter_id, '') as shelter_id, state, count(*) as count from safety_report
where tenant_id = (select id from tenant where name = $1)
group by 1, 2 order by 1, 2

-- name: save_report
insert into safety_report (tenant_id, person, state, shelter_id, note, reported_by, reported_at, consent)
values ((select id from tenant where name = $1), $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, person) do update set state = excluded.state, shelter_id = excluded.shelter_id,
    note = excluded.note, reported_by = excluded.reported_by, reported_at = excluded.reported_at,
    consent = excluded.consent

-- name: forget_report
delete from safety_report where tenant_id = (select id from tenant where name = $1) and person = $2
returning consent

-- name: purge_reports
delete from safety_report where reported_at < $1 returning person
