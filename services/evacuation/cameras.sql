-- name: keep
insert into camera_still (tenant_id, camera, at, masked, media_type, body, received_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6)
on conflict (tenant_id, camera, at) do nothing
returning camera

-- name: newest
select at, masked, media_type, body from camera_still
where tenant_id = current_setting('cityos.tenant_id')::int and camera = $1 and (masked or not $2)
order by at desc limit 1

-- name: list
select distinct on (camera) camera, at, masked from camera_still
where tenant_id = current_setting('cityos.tenant_id')::int and camera = any($1::text[]) and (masked or not $2)
order by camera, at desc

-- name: purge
delete from camera_still where received_at < $1 returning camera
