-- name: lock
select pg_advisory_xact_lock(current_setting('cityos.tenant_id')::int, hashtext($1))
-- name: appointment
select asked::text as asked, outward, homeward from bus_appointment
where tenant_id = current_setting('cityos.tenant_id')::int and source = $1 and id = $2
-- name: keep
insert into bus_appointment (tenant_id, source, id, rider, asked, outward, homeward, changed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4::jsonb, $5, $6, $7)
on conflict (tenant_id, source, id) do update
set rider = excluded.rider, asked = excluded.asked, outward = excluded.outward, homeward = excluded.homeward,
    changed_at = excluded.changed_at
