-- What one city (a municipality) lets another (its prefecture) read: entities of some types and their history.
-- A transaction that reads by delegation runs as cityos_guest, which has rights on nothing else and may write nothing;
-- the policies ask the delegations in force once per statement, so a delegation taken back ends with the next one.

create table delegation (
    tenant_id int not null references tenant,
    id text not null,
    reader int not null references tenant,
    types text[] not null check (cardinality(types) between 1 and 100),
    purpose text not null check (length(purpose) between 1 and 500),
    since timestamptz not null,
    until timestamptz check (until > since),
    given_by text not null,
    given_at timestamptz not null,
    revoked_at timestamptz,
    revoked_by text,
    primary key (tenant_id, id),
    check (reader <> tenant_id),
    check ((revoked_at is null) = (revoked_by is null))
);
create index delegation_to on delegation (reader, tenant_id);
comment on column delegation.tenant_id is 'the city that gives, and that alone takes back';

alter table delegation enable row level security;
create policy own_rows on delegation to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy given_to_us on delegation for select to cityos_app
    using (reader = current_setting('cityos.tenant_id')::int);
create policy all_rows on delegation to cityos_system using (true);
revoke all on delegation from cityos_app, cityos_system;
grant select, insert on delegation to cityos_app, cityos_system;
grant update (revoked_at, revoked_by) on delegation to cityos_app, cityos_system;

-- Owned by the schema's owner, whom row-level security does not bind: a guest may not read the delegations themselves.
create function delegated_types(giver int, reader_ int) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select array_agg(distinct t.name)
    from public.delegation d, unnest(d.types) as t (name)
    where d.tenant_id = giver and d.reader = reader_ and d.revoked_at is null
        and d.since <= now() and (d.until is null or now() < d.until)
$$;
revoke all on function delegated_types from public;
grant execute on function delegated_types to cityos_guest, cityos_app;

create policy delegated on entity for select to cityos_guest using (
    tenant_id = current_setting('cityos.tenant_id')::int
    and type <@ (select delegated_types(current_setting('cityos.tenant_id')::int, current_setting('cityos.reader_id')::int))
);
create policy delegated on series for select to cityos_guest using (
    tenant_id = current_setting('cityos.tenant_id')::int
    and exists (select 1 from entity e where e.tenant_id = series.tenant_id and e.id = series.entity_id)
);
create policy delegated on jsonld_context for select to cityos_guest
    using (tenant_id is null or tenant_id = current_setting('cityos.tenant_id')::int);
do $$
declare
    name text;
begin
    foreach name in array array['history', 'history_hour', 'history_day']
    loop
        execute format(
            'create policy delegated on %1$I for select to cityos_guest using ('
            'tenant_id = current_setting(''cityos.tenant_id'')::int'
            ' and exists (select 1 from series s where s.id = %1$I.series_id))', name);
    end loop;
end $$;
grant usage on schema public to cityos_guest;
grant select on tenant, entity, series, history, history_hour, history_day, jsonld_context to cityos_guest;
