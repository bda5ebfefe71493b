-- People and what they allow: accounts, sessions, apps that people use, codes, refresh tokens, and the audit trail.

create table user_account (
    tenant_id int not null references tenant,
    id text not null primary key,
    login text not null check (login = lower(login) and length(login) between 3 and 254),
    name text not null default '',
    password_hash text not null,
    roles text[] not null default '{}',
    status text not null default 'active' check (status in ('active', 'suspended')),
    totp_secret text,
    totp_confirmed boolean not null default false,
    totp_last_step bigint not null default 0,
    failures int not null default 0,
    locked_until timestamptz,
    created_at timestamptz not null default now(),
    unique (tenant_id, login)
);
comment on column user_account.id is 'TENANT.RANDOM, so that whoever holds it knows whose rows to look in';
comment on column user_account.password_hash is 'argon2id with its own salt and parameters';
comment on column user_account.totp_last_step is 'the last 30-second step whose code was taken: no code is good twice';
comment on column user_account.failures is 'attempts since the last success; counted before the password is looked at';

create table login_session (
    tenant_id int not null references tenant,
    token_hash bytea not null primary key,
    user_id text not null references user_account,
    csrf text not null,
    grant_id text not null,
    second_factor boolean not null,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index login_session_by_user on login_session (user_id);
comment on column login_session.grant_id is 'what the access tokens made from this session are revoked by when it ends';

alter table oauth_client
    alter column secret_hash drop not null,
    add column auth_method text not null default 'client_secret_basic'
        check (auth_method in ('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')),
    add column redirect_uris text[] not null default '{}',
    add column jwks jsonb,
    add column pending_scopes text[] not null default '{}',
    add column purpose text not null default '',
    add column owner_id text references user_account,
    add column registration_hash bytea;
create index oauth_client_by_owner on oauth_client (owner_id);
comment on column oauth_client.pending_scopes is 'asked for, and waiting for a person of the municipality to allow them';
comment on column oauth_client.registration_hash is 'SHA-256 of the registration access token (RFC 7592, 3)';

create table authorization_code (
    tenant_id int not null references tenant,
    code_hash bytea not null primary key,
    client_id text not null references oauth_client on delete cascade,
    user_id text not null references user_account,
    grant_id text not null,
    redirect_uri text not null,
    scope text not null,
    nonce text,
    challenge text not null,
    authenticated_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index authorization_code_by_age on authorization_code (expires_at);

create table refresh_token (
    tenant_id int not null references tenant,
    token_hash bytea not null primary key,
    grant_id text not null,
    client_id text not null references oauth_client on delete cascade,
    user_id text not null references user_account,
    scope text not null,
    authenticated_at timestamptz not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz
);
create index refresh_token_by_grant on refresh_token (grant_id);
create index refresh_token_by_age on refresh_token (expires_at);
comment on column refresh_token.used_at is 'a token is good once; whoever shows it again ends the whole grant';

create table assertion_seen (
    tenant_id int not null references tenant,
    client_id text not null,
    jti text not null,
    expires_at timestamptz not null,
    primary key (tenant_id, client_id, jti)
);
comment on table assertion_seen is 'the JWTs that clients proved themselves with (RFC 7523): none is good twice';

create table revoked_grant (
    grant_id text primary key,
    expires_at timestamptz not null
);
comment on table revoked_grant is
    'random names of grants and tokens called back before their time; every gateway process hears of one at once';
create function grant_revoked() returns trigger language plpgsql as $$
begin
    perform pg_notify('revoked_grant', '');
    return null;
end $$;
create trigger grant_revoked after insert on revoked_grant for each statement execute function grant_revoked();

create table audit (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    at timestamptz not null,
    actor text not null,
    client text not null,
    action text not null,
    object text not null,
    purpose text not null,
    address text not null,
    allowed boolean not null,
    detail text not null,
    txid xid8 not null default pg_current_xact_id()
);
create index audit_by_tenant on audit (tenant_id, id);
comment on column audit.txid is 'the writing transaction: a seal covers only what no transaction under way can still add to';

create table audit_seal (
    tenant_id int not null references tenant,
    number bigint not null,
    records int not null,
    first_id bigint not null,
    last_id bigint not null,
    horizon xid8 not null,
    digest bytea not null,
    at timestamptz not null,
    primary key (tenant_id, number)
);

create function audit_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'table % is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete or truncate on audit for each statement execute function audit_append_only();
create trigger append_only before update or delete or truncate on audit_seal
    for each statement execute function audit_append_only();

create table usage (
    tenant_id int not null references tenant,
    day date not null,
    client text not null,
    data text not null,
    calls bigint not null default 0,
    refused bigint not null default 0,
    primary key (tenant_id, day, client, data)
) with (fillfactor = 70);
comment on table usage is 'requests per app (anonymous: no token), data set or service, and UTC day; a batch is one call';

do $$
declare
    name text;
begin
    foreach name in array array['user_account', 'login_session', 'authorization_code', 'refresh_token',
        'assertion_seen', 'audit', 'audit_seal', 'usage']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;

grant select, insert, update on user_account, authorization_code, refresh_token, usage to cityos_app;
grant select, insert, update, delete on login_session to cityos_app;
grant insert, update on oauth_client to cityos_app;
grant select, insert on assertion_seen, revoked_grant, audit to cityos_app;
grant select on audit_seal to cityos_app;
grant select, insert, update, delete on user_account, login_session, authorization_code, refresh_token, assertion_seen,
    revoked_grant, usage to cityos_system;
grant select, insert on audit, audit_seal to cityos_system;
