-- name: tables
select c.relname as name,
    array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum) as columns,
    (select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attidentity <> '') as counter,
    array(select k.attname::text from pg_index i join pg_attribute k on k.attrelid = c.oid and k.attnum = any(i.indkey)
        where i.indrelid = c.oid and i.indisprimary) as key,
    array(select distinct r.relname::text from pg_constraint f join pg_class r on r.oid = f.confrelid
        where f.conrelid = c.oid and f.contype = 'f' and r.oid <> c.oid) as parents
from pg_class c
join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by 1

-- name: tenant
select id, name, title, local_government_code as code, unknown_devices, coalesce(sealed_as, id) as sealed_as
from tenant where name = $1

-- name: add_tenant
insert into tenant (name, title, local_government_code, unknown_devices, sealed_as) values ($1, $2, $3, $4, $5)
on conflict (name) do nothing returning id

-- name: read
declare carried no scroll cursor for
select to_jsonb(t)::text as line from {table} t where t.tenant_id = {tenant}

-- name: count
select count(*) from {table} where tenant_id = $1

-- name: moved
create temporary table moved_{table} (old bigint primary key, new bigint not null) on commit drop

-- name: move
insert into moved_{table} select (r ->> '{counter}')::bigint, nextval(pg_get_serial_sequence('{table}', '{counter}'))
from jsonb_array_elements($1::text::jsonb) r

-- name: write
insert into {table} ({columns}) overriding system value
select {values} from jsonb_populate_recordset(null::{table}, $1::text::jsonb) t {joins}

-- name: advance
select setval(pg_get_serial_sequence('{table}', '{counter}'), greatest(
    nextval(pg_get_serial_sequence('{table}', '{counter}')), (select max({counter}) from {table} where tenant_id = {tenant})))
