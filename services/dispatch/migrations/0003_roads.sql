-- Roads that may be closed, and promises that were broken and given anew.

create table bus_road (
    tenant_id int not null references tenant,
    id text not null,
    name text not null,
    area boolean not null,
    points jsonb not null,
    closed_because text,
    closed_by text,
    primary key (tenant_id, id)
);
comment on table bus_road is 'stretches of road (area: false) and ground that buses go around while they are closed';
comment on column bus_road.points is 'the line, or the area''s border: pairs of longitude and latitude';
comment on column bus_road.closed_because is 'why nobody drives there now; null while it is open';
comment on column bus_road.closed_by is 'the gauge that closed it, and opens it again; null where a person did';
alter table bus_road enable row level security;
create policy own_rows on bus_road to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on bus_road to cityos_system using (true);
grant select, insert, update, delete on bus_road to cityos_system, cityos_app;

alter table bus_closure_rule add column roads text[] not null default '{}';

alter table ride_booking add column breaches jsonb not null default '[]';
comment on column ride_booking.breaches is
    'promises of this ride that a breakdown or closure broke, with its reason; the one kept instead is in the row';

alter table ride_notice drop constraint ride_notice_kind_check,
    add constraint ride_notice_kind_check
    check (kind in ('booked', 'cancelled', 'broken', 'moved', 'no-show', 'reminder', 'near', 'late'));
