-- How stations are set up, as they told it when asked; and the request of one that wants a certificate over its own key.
create table charging_variable (
    tenant_id int not null references tenant,
    station text not null,
    name text not null,
    value text,
    writable boolean not null,
    unit text not null default '',
    at timestamptz not null,
    primary key (tenant_id, station, name)
);
comment on table charging_variable is 'keys of 1.6''s configuration, variables of 2.0.1''s device model; null: not told (a password)';

alter table charging_station add column certificate_request text, add column certificate_asked_at timestamptz;
comment on column charging_station.certificate_request is 'the newest SignCertificate: PKCS #10 in PEM';

alter table charging_variable enable row level security;
create policy own_rows on charging_variable to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on charging_variable to cityos_system using (true);
grant select, insert, update, delete on charging_variable to cityos_system;
grant select on charging_variable to cityos_app;
