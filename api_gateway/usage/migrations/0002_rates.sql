-- What each app and city has left of its rate, over all gateway processes. Unlogged: after a crash all buckets are full.
create unlogged table rate_left (
    tenant_id int not null references tenant,
    client text not null,
    per_second float8 not null,
    burst float8 not null,
    left_over float8 not null,
    at timestamptz not null,
    primary key (tenant_id, client)
);
comment on column rate_left.client is 'an app, or empty for the whole city';
comment on column rate_left.left_over is 'requests that may still come at once, as of `at`; negative is owed';
alter table rate_left enable row level security;
create policy own_rows on rate_left to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on rate_left to cityos_system using (true);
grant select, insert, update, delete on rate_left to cityos_app, cityos_system;
