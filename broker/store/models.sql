-- name: listed
select t.name as tenant, m.type, m.doc::text as doc, m.created_at from model m join tenant t on t.id = m.tenant_id
where $1::text is null or t.name = $1 order by t.name, m.type

-- name: keep
insert into model (tenant_id, type, doc) select id, $2, $3::jsonb from tenant where name = $1
on conflict (tenant_id, type) do update set doc = excluded.doc, created_at = clock_timestamp()

-- name: remove
delete from model where tenant_id = (select id from tenant where name = $1) and type = $2 returning type
