-- Snapshots: what queries found once, kept as it was (ETSI GS CIM 009, 4.3.7, 5.16).

create table snapshot (
    tenant_id int not null references tenant,
    id text not null,
    owner text not null,
    doc jsonb not null,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz not null,
    primary key (tenant_id, id)
);
create index snapshot_by_age on snapshot (expires_at);
comment on column snapshot.owner is 'who made it: nobody else may use it';
comment on column snapshot.doc is 'the members of 5.2.41 that are no times';

create table snapshot_entity (
    tenant_id int not null,
    snapshot_id text not null,
    id text not null,
    type text[] not null,
    first_type text not null generated always as (type[1]) stored,
    doc jsonb not null,
    stamps jsonb not null,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    primary key (tenant_id, snapshot_id, id),
    foreign key (tenant_id, snapshot_id) references snapshot on delete cascade
);
comment on table snapshot_entity is 'an entity as a snapshot holds it';

-- The entities of the snapshot that the transaction has said it reads. A few thousand need no index on places: the
-- box of a geo-query lets all of them pass, and the exact geometry decides.
create view entity_in_snapshot with (security_invoker = true) as
    select id, type, first_type, doc, stamps, null::float8 as lon, null::float8 as lat, created_at, modified_at,
        true as shaped
    from snapshot_entity where snapshot_id = current_setting('cityos.snapshot');

do $$
declare
    name text;
begin
    foreach name in array array['snapshot', 'snapshot_entity']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;
grant select, insert, update, delete on snapshot, snapshot_entity to cityos_app, cityos_system;
grant select on entity_in_snapshot to cityos_app;
