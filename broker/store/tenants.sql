-- name: add
insert into tenant (name, title, local_government_code, unknown_devices)
values ($1, $2, $3, case when $4 then 'reject' else 'quarantine' end)
on conflict (name) do nothing
returning id

-- name: list
select t.name, t.title, t.local_government_code as code, t.unknown_devices,
    (select count(*) from device d where d.tenant_id = t.id) as devices, t.created_at
from tenant t
order by t.name
