-- Each site's load by the minute, for the chart of it against its limit; feeders above sites; which gauges' rivers flood a station.

create table charging_load (
    tenant_id int not null references tenant,
    site text not null,
    at timestamptz not null,
    power_w float8 not null,
    given_w float8 not null,
    limit_w float8 not null,
    primary key (tenant_id, site, at),
    foreign key (tenant_id, site) references charging_site on delete cascade
);
comment on table charging_load is 'the most of each minute: what was drawn, what was given out, and the limit in force';

alter table charging_site add column part_of text;
alter table charging_site add foreign key (tenant_id, part_of) references charging_site;
comment on column charging_site.part_of is 'the feeder or district whose limit holds for it too; that one may be part of another';

alter table charging_site add column meter text, add column meter_attribute text not null default 'totalActivePower',
    add column base_w float8 not null default 0 check (base_w >= 0);
comment on column charging_site.meter is 'the entity of the meter at the connection, which counts what else draws there';
comment on column charging_site.base_w is 'what else draws there at the most: taken where the meter is not heard';

alter table charging_station add column floods_with text[] not null default '{}';
comment on column charging_station.floods_with is 'gauges (WaterObserved) whose river, when it floods, reaches it';

alter table charging_load enable row level security;
create policy own_rows on charging_load to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on charging_load to cityos_system using (true);
grant select, insert, update, delete on charging_load to cityos_system;
grant select on charging_load to cityos_app;
