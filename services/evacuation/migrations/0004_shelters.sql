-- Shelters, how they stand, the people counted at their doors, and residents who say that they are safe.

create table shelter (
    tenant_id int not null references tenant,
    id text not null,
    position int not null,
    body jsonb not null,
    primary key (tenant_id, id)
);
comment on column shelter.body is 'services.evacuation.shelters.shelter.Shelter';

create table shelter_standing (
    tenant_id int not null references tenant,
    shelter_id text not null,
    mode text not null check (mode in ('actual', 'exercise', 'test')),
    body jsonb not null,
    changed_at timestamptz not null,
    primary key (tenant_id, shelter_id, mode)
);
comment on table shelter_standing is 'an exercise has rows of its own: what is opened in it is open to nobody';

create table shelter_passing (
    tenant_id int not null references tenant,
    shelter_id text not null,
    mode text not null,
    id text not null,
    people int not null,
    at timestamptz not null,
    primary key (tenant_id, shelter_id, mode, id)
);
comment on table shelter_passing is 'people counted at a door; a repeated id counts once';

create table safety_report (
    tenant_id int not null references tenant,
    person text not null,
    state text not null check (state in ('safe', 'moving', 'help')),
    shelter_id text,
    note text not null,
    reported_by text not null,
    reported_at timestamptz not null,
    consent text,
    primary key (tenant_id, person)
);
comment on table safety_report is 'personal (category safety): read through the consent gate alone; the latest word of each person';
comment on column safety_report.consent is 'the consent by which the municipality may read it, if the person gave one';

do $$
declare
    name text;
begin
    foreach name in array array['shelter', 'shelter_standing', 'shelter_passing', 'safety_report']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
