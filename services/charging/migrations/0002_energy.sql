-- What connectors were told to hold to, and the disaster mode with who opened and closed it.

create table charging_limit (
    tenant_id int not null references tenant,
    station text not null,
    connector int not null,
    watts float8 not null check (watts >= 0),
    before_w float8 not null check (before_w >= 0),
    command text not null,
    asked_at timestamptz not null,
    primary key (tenant_id, station, connector)
);
comment on column charging_limit.before_w is 'what it may still draw until it has followed';

create table charging_emergency (
    tenant_id int not null references tenant,
    id text not null,
    opened_at timestamptz not null,
    opened_by text not null,
    because text not null check (length(because) between 1 and 500),
    alert text,
    public_cap_w float8 not null check (public_cap_w >= 0),
    emergency_floor_w float8 not null check (emergency_floor_w >= 0),
    closed_at timestamptz,
    closed_by text,
    primary key (tenant_id, id)
);
create unique index charging_emergency_one on charging_emergency (tenant_id) where closed_at is null;

alter table charging_station add column battery_kwh float8 not null default 40 check (battery_kwh > 0);
comment on column charging_station.battery_kwh is 'of the vehicles that are expected there: OCPP does not tell it';

do $$
declare
    name text;
begin
    foreach name in array array['charging_limit', 'charging_emergency']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
        execute format('grant select, insert, update on %I to cityos_app', name);
    end loop;
end $$;
