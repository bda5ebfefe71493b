-- name: add_report
insert into bus_report (tenant_id, id, day, vehicle, booking, what, at, heard_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning id
-- name: reports
select vehicle, booking, what, at from bus_report
where tenant_id = current_setting('cityos.tenant_id')::int and day = $1 and booking is not null order by at
-- name: positions
select vehicle, longitude, latitude, at, doubted_longitude, doubted_latitude, doubted_at, doubts from bus_position
where tenant_id = current_setting('cityos.tenant_id')::int
-- name: lock_position
select longitude, latitude, at, doubted_longitude, doubted_latitude, doubted_at, doubts from bus_position
where tenant_id = current_setting('cityos.tenant_id')::int and vehicle = $1 for update
-- name: save_position
insert into bus_position (tenant_id, vehicle, longitude, latitude, at, doubted_longitude, doubted_latitude, doubted_at, doubts)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, vehicle) do update
set longitude = excluded.longitude, latitude = excluded.latitude, at = excluded.at,
    doubted_longitude = excluded.doubted_longitude, doubted_latitude = excluded.doubted_latitude,
    doubted_at = excluded.doubted_at, doubts = excluded.doubts
