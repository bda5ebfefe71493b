-- Attributes that a city declares to be queried by value: their values beside the entities, indexed. A query asks here
-- first which few entities can match; what they are like is judged by the entities themselves. So this table may hold
-- too much, never too little. It costs nothing until the first attribute is declared: then the triggers are made.

create table queried_attribute (
    city int not null references tenant,
    name text not null,
    ready boolean not null default false,
    primary key (city, name)
);
comment on column queried_attribute.ready is 'the values of all entities are in entity_value, so queries may go by them';

create table entity_value (
    city int not null,
    name text not null,
    number float8,
    text text collate "C",
    entity text not null
);
create index entity_value_by_number on entity_value (city, name, number) include (entity) where number is not null;
create index entity_value_by_text on entity_value (city, name, text) include (entity) where text is not null;
create index entity_value_by_entity on entity_value (city, entity, name);
comment on column entity_value.text is 'its first 200 characters';

do $$
declare
    name text;
begin
    foreach name in array array['queried_attribute', 'entity_value']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (city = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;
-- A guest may look, and sees nothing here: it asks the entities that were delegated to it, and no others' values.
grant select on queried_attribute, entity_value to cityos_app, cityos_system, cityos_guest;

create function values_in(attribute jsonb) returns table (number float8, text text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select distinct
        case when jsonb_typeof(v) = 'number' then case
            when (v #>> '{}')::numeric > 1e300 then 'Infinity'
            when (v #>> '{}')::numeric < -1e300 then '-Infinity'
            when abs((v #>> '{}')::numeric) < 1e-300 then 0
            else (v #>> '{}')::float8
        end end,
        case when jsonb_typeof(v) = 'string' then left(v #>> '{}', 200) end
    from jsonb_path_query(attribute, '$[*]') i
    cross join unnest(array['value', 'object', 'vocab', 'json', 'valueList', 'objectList']) m
    cross join lateral jsonb_path_query(i -> m, '$[*]') v
    where jsonb_typeof(v) in ('number', 'string')
$$;

create function entity_values_came() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.entity_value (city, name, number, text, entity)
    select c.tenant_id, a.name, v.number, v.text, c.id
    from come c join public.queried_attribute a on a.city = c.tenant_id and c.doc ? a.name
    cross join lateral public.values_in(c.doc -> a.name) v;
    return null;
end $$;

create function entity_values_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    with changed as (
        select n.tenant_id, n.id, a.name, n.doc -> a.name as attribute
        from come n join gone o using (tenant_id, id) join public.queried_attribute a on a.city = n.tenant_id
        where (n.doc -> a.name) is distinct from (o.doc -> a.name)
    ), old as (
        delete from public.entity_value v using changed c
        where v.city = c.tenant_id and v.entity = c.id and v.name = c.name
    )
    insert into public.entity_value (city, name, number, text, entity)
    select c.tenant_id, c.name, v.number, v.text, c.id from changed c cross join lateral public.values_in(c.attribute) v;
    return null;
end $$;

create function entity_values_went() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from public.entity_value v using gone g where v.city = g.tenant_id and v.entity = g.id;
    return null;
end $$;

-- Writers wait while the triggers are made: whoever writes after that keeps the values.
create function declare_queried(city_ int, name_ text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from pg_trigger where tgrelid = 'public.entity'::regclass and tgname = 'entity_values_came') then
        create trigger entity_values_came after insert on public.entity
            referencing new table as come for each statement execute function public.entity_values_came();
        create trigger entity_values_changed after update on public.entity
            referencing new table as come old table as gone for each statement execute function public.entity_values_changed();
        create trigger entity_values_went after delete on public.entity
            referencing old table as gone for each statement execute function public.entity_values_went();
        delete from public.entity_value;
        update public.queried_attribute set ready = false;
    end if;
    insert into public.queried_attribute (city, name) values (city_, name_) on conflict do nothing;
end $$;

create function forget_queried(city_ int, name_ text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from public.queried_attribute where city = city_ and name = name_;
    if not found then
        return false;
    end if;
    delete from public.entity_value where city = city_ and name = name_;
    if not exists (select from public.queried_attribute) then
        drop trigger entity_values_came on public.entity;
        drop trigger entity_values_changed on public.entity;
        drop trigger entity_values_went on public.entity;
    end if;
    return true;
end $$;

-- The values of the next entities after an id; the last id, null at the end. Writers are not held up.
create function fill_queried(city_ int, name_ text, after_ text, most int) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    last_ text;
begin
    with part as materialized (
        select id, doc from public.entity where tenant_id = city_ and id > after_ order by id limit most
    ), filled as (
        insert into public.entity_value (city, name, number, text, entity)
        select city_, name_, v.number, v.text, p.id
        from part p cross join lateral public.values_in(p.doc -> name_) v where p.doc ? name_
    )
    select max(id collate "C") into last_ from part;
    if last_ is null then
        update public.queried_attribute set ready = true where city = city_ and name = name_;
    end if;
    return last_;
end $$;

create function values_kept() returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (select from pg_trigger where tgrelid = 'public.entity'::regclass and tgname = 'entity_values_came')
$$;

revoke all on function declare_queried, forget_queried, fill_queried from public;
grant execute on function declare_queried, forget_queried, fill_queried to cityos_system;
