-- Zones in which people ride from any place, and the days on which buses run.

create table bus_zone (
    tenant_id int not null references tenant,
    id text not null,
    name text not null,
    border jsonb not null,
    door boolean not null,
    walk int not null check (walk >= 0),
    primary key (tenant_id, id)
);
comment on column bus_zone.border is 'a closed ring: pairs of longitude and latitude';
comment on column bus_zone.door is 'the bus comes to the place itself; false: riders walk to the nearest stop';
comment on column bus_zone.walk is 'the most metres that riders are sent to walk, where the bus does not come to the door';

alter table bus_stop add column zone text;
create index bus_stop_places on bus_stop (tenant_id, zone) where zone is not null;
comment on column bus_stop.zone is
    'null: a stop for everybody. Else a place of somebody''s own in this zone: personal data, known to its bookings alone';
grant delete on bus_stop to cityos_app;

create table bus_calendar (
    tenant_id int primary key references tenant,
    rules jsonb not null default '{}'
);
comment on table bus_calendar is 'weekdays, holidays and single days with and without service; bookings hold its row';

do $$
declare
    name text;
begin
    foreach name in array array['bus_zone', 'bus_calendar']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system, cityos_app', name);
    end loop;
end $$;
