-- Histories in snapshots: what temporal queries found, kept as it was (ETSI GS CIM 009, 5.16.1, 5.2.41).

create table snapshot_evolution (
    tenant_id int not null,
    snapshot_id text not null,
    id text not null,
    type text[] not null,
    first_type text not null generated always as (type[1]) stored,
    doc jsonb not null,
    stamps jsonb not null,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    deleted_at timestamptz,
    primary key (tenant_id, snapshot_id, id),
    foreign key (tenant_id, snapshot_id) references snapshot on delete cascade
);
comment on table snapshot_evolution is 'an entity of which a snapshot holds a history, as it was or last had been';

create table snapshot_series (
    id bigint primary key generated always as identity,
    tenant_id int not null,
    snapshot_id text not null,
    entity_id text not null,
    attribute text not null,
    dataset_id text not null,
    unit_code text not null,
    unique (tenant_id, snapshot_id, entity_id, attribute, dataset_id, unit_code),
    foreign key (tenant_id, snapshot_id) references snapshot on delete cascade
);

create table snapshot_history (
    series_id bigint not null references snapshot_series on delete cascade,
    at timestamptz not null,
    version smallint not null,
    tenant_id int not null,
    number float8,
    value jsonb,
    received_at timestamptz not null,
    primary key (series_id, at, version)
);

create view evolution_in_snapshot with (security_invoker = true) as
    select id, type, first_type, doc, stamps, null::float8 as lon, null::float8 as lat, created_at, modified_at,
        deleted_at, true as shaped
    from snapshot_evolution where snapshot_id = current_setting('cityos.snapshot');
create view series_in_snapshot with (security_invoker = true) as
    select id, entity_id, attribute, dataset_id, unit_code
    from snapshot_series where snapshot_id = current_setting('cityos.snapshot');

do $$
declare
    name text;
begin
    foreach name in array array['snapshot_evolution', 'snapshot_series', 'snapshot_history']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;
grant select, insert, update, delete on snapshot_evolution, snapshot_series, snapshot_history to cityos_app, cityos_system;
grant select on evolution_in_snapshot, series_in_snapshot to cityos_app;
