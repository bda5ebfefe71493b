-- Charging stations as they stand, their connectors, their sessions, and the cards that may charge.

create table charging_site (
    tenant_id int not null references tenant,
    id text not null check (length(id) between 1 and 100),
    name text not null default '',
    limit_w float8 not null check (limit_w >= 0),
    sharing text not null default 'fair' check (sharing in ('fair', 'need', 'departure')),
    windows jsonb not null default '[]',
    shelter boolean not null default false,
    load_w float8 not null default 0 check (load_w >= 0),
    changed_at timestamptz not null,
    primary key (tenant_id, id)
);
comment on column charging_site.windows is 'peak cuts: [{"from": minutes after midnight in Japan, "until": …, "limitW": …}]';
comment on column charging_site.load_w is 'what a shelter draws in a disaster, in watts, to say how long a vehicle feeds it';

create table charging_station (
    tenant_id int not null references tenant,
    id text not null,
    protocol text not null default '',
    vendor text not null default '',
    model text not null default '',
    serial text not null default '',
    firmware text not null default '',
    refused boolean not null default false,
    connected boolean not null default false,
    connection_at timestamptz,
    booted_at timestamptz,
    site text,
    priority text not null default 'public' check (priority in ('emergency', 'shelter', 'fleet', 'public')),
    flooded boolean not null default false,
    v2h_w float8 check (v2h_w > 0),
    primary key (tenant_id, id),
    foreign key (tenant_id, site) references charging_site
);
comment on column charging_station.v2h_w is 'watts that it can give a building from a vehicle; null where it cannot';

create table charging_connector (
    tenant_id int not null references tenant,
    station text not null,
    connector int not null check (connector between 0 and 999),
    status text not null default 'Unavailable',
    error text not null default 'NoError',
    info text not null default '',
    status_at timestamptz,
    power_w float8,
    meter_wh float8,
    metered_at timestamptz,
    most_w float8 not null default 6000 check (most_w > 0),
    phases int not null default 1 check (phases between 1 and 3),
    unit text not null default 'W' check (unit in ('W', 'A')),
    primary key (tenant_id, station, connector)
);
comment on column charging_connector.connector is 'the connector of OCPP 1.6, the EVSE of 2.0.1; 0 is the station as a whole';
comment on column charging_connector.unit is 'what its charging profiles are written in';

create sequence charging_transaction as int maxvalue 2147483647;

create table charging_session (
    tenant_id int not null references tenant,
    station text not null,
    transaction text not null check (length(transaction) between 1 and 40),
    start_key text not null,
    state jsonb not null,
    open boolean not null,
    at timestamptz not null,
    primary key (tenant_id, station, transaction),
    unique (tenant_id, station, start_key)
);
create index charging_session_open on charging_session (tenant_id, station) where open;
create index charging_session_newest on charging_session (tenant_id, at desc);
comment on column charging_session.start_key is 'what a repeated StartTransaction is known by: it gets the same transaction';
comment on column charging_session.state is 'schemas of services.charging.sessions.Session';

create table charging_token (
    tenant_id int not null references tenant,
    token text not null check (length(token) between 1 and 36),
    status text not null default 'Accepted' check (status in ('Accepted', 'Blocked', 'Expired', 'Invalid')),
    label text not null default '',
    priority text check (priority in ('emergency', 'shelter', 'fleet', 'public')),
    until timestamptz,
    primary key (tenant_id, token)
);
comment on table charging_token is 'personal data: a card belongs to somebody. Never in the open API';

do $$
declare
    name text;
begin
    foreach name in array array['charging_site', 'charging_station', 'charging_connector', 'charging_session', 'charging_token']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
        execute format('grant select, insert, update on %I to cityos_app', name);
    end loop;
end $$;
grant delete on charging_token, charging_site to cityos_app;
grant usage on sequence charging_transaction to cityos_system;
