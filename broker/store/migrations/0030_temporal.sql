-- What was: entities that are deleted, attributes that were taken away, and which entities come from their history.

create table entity_past (
    tenant_id int not null references tenant,
    id text not null,
    type text[] not null,
    first_type text not null generated always as (type[1]) stored,
    doc jsonb not null,
    stamps jsonb not null,
    lon float8,
    lat float8,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    deleted_at timestamptz not null,
    primary key (tenant_id, id)
);
create index entity_past_by_type on entity_past (tenant_id, first_type, id);
comment on table entity_past is
    'entities that were deleted, as they last were: their history stays and is found through this. One that is made again '
    'leaves it, so that an id is in `entity` or here, never in both';

create table attribute_past (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    entity_id text not null,
    attribute text not null,
    dataset_id text not null default '',
    kind text not null,
    deleted_at timestamptz not null
);
create index attribute_past_by_entity on attribute_past (tenant_id, entity_id, deleted_at);
comment on table attribute_past is 'when an instance of an attribute was deleted, alone or with its entity (deletedAt)';
comment on column attribute_past.kind is 'the attribute''s type: Property, Relationship …';

create view entity_ever with (security_invoker = true) as
    select id, type, first_type, doc, stamps, lon, lat, created_at, modified_at, null::timestamptz as deleted_at from entity
    union all
    select id, type, first_type, doc, stamps, lon, lat, created_at, modified_at, deleted_at from entity_past;

alter table entity add column evolved_version bigint;
comment on column entity.evolved_version is
    'the version that a temporal representation made it; while that is its version, it is nothing but its history';

do $$
declare
    name text;
begin
    foreach name in array array['entity_past', 'attribute_past']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;
grant select, insert, update, delete on entity_past, attribute_past to cityos_app, cityos_system;
grant select on entity_ever to cityos_app, cityos_system;
grant usage, select on all sequences in schema public to cityos_app, cityos_system;

-- A request may not touch roll-ups, except to forget series whose history it has deleted, of its own tenant.
create function history_forget(series_ bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    own_ bigint[] := array(
        select id from public.series
        where id = any(series_) and tenant_id = current_setting('cityos.tenant_id')::int);
begin
    delete from public.history_hour where series_id = any(own_);
    delete from public.history_day where series_id = any(own_);
end $$;

create function history_stale(series_ bigint[]) returns table (series_id bigint, hour timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select u.series_id, u.hour
    from public.history_dirty d, unnest(d.series_ids, d.hours) as u (series_id, hour)
    where d.series_ids && series_ and u.series_id = any(series_)
    union
    select r.series_id, r.hour from public.rollup_due r where r.series_id = any(series_)
$$;
comment on function history_stale is 'the hours whose roll-up is older than their history or missing, to the last committed write';
revoke all on function history_forget, history_stale from public;
grant execute on function history_forget, history_stale to cityos_app, cityos_system;
