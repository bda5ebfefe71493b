-- name: add
insert into points_checkin (tenant_id, id, event, title, digest, starts_at, ends_at, by)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, id) do nothing

-- name: by_digest
select id, event, title, starts_at, ends_at from points_checkin
where tenant_id = current_setting('cityos.tenant_id')::int and digest = $1

-- name: all
select c.id, c.event, c.title, c.starts_at, c.ends_at,
    (select count(*) from points_occasion o where o.tenant_id = c.tenant_id
        and o.id >= 'checkin/' || c.id || '/' and o.id < 'checkin/' || c.id || '0') as people
from points_checkin c
where c.tenant_id = current_setting('cityos.tenant_id')::int
order by c.starts_at desc, c.id limit $1
