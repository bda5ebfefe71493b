-- Who may ask: apps that get tokens, and the keys that sign them.

create table oauth_client (
    tenant_id int not null references tenant,
    client_id text not null primary key,
    name text not null,
    secret_hash bytea not null,
    scopes text[] not null,
    grant_types text[] not null default '{client_credentials}',
    status text not null default 'active' check (status in ('active', 'suspended')),
    created_at timestamptz not null default now()
);
comment on column oauth_client.client_id is 'TENANT.RANDOM, so that the token endpoint knows whose rows to look in';
comment on column oauth_client.secret_hash is 'SHA-256 of a secret of 256 random bits that we made ourselves';

alter table oauth_client enable row level security;
create policy own_rows on oauth_client to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on oauth_client to cityos_system using (true);

create table signing_key (
    id text primary key,
    private_jwk jsonb not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);
comment on table signing_key is 'the newest that is not retired signs; retired ones verify until the last token they signed has expired';

grant select on oauth_client to cityos_app;
grant select, insert, update, delete on oauth_client, signing_key to cityos_system;
grant select, insert on signing_key to cityos_app;
