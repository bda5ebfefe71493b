-- Logging in with an outside OpenID provider, and logging out on both sides: as its client, and as a provider ourselves.

create table identity_provider (
    tenant_id int not null references tenant,
    id text not null primary key,
    title text not null,
    issuer text not null,
    client_id text not null,
    client_secret text not null,
    opens_accounts boolean not null default false,
    trusts_mfa boolean not null default false,
    status text not null default 'active' check (status in ('active', 'suspended')),
    created_at timestamptz not null default now()
);
comment on column identity_provider.id is 'TENANT.NAME, so that whoever holds it knows whose rows to look in';
comment on column identity_provider.opens_accounts is 'whoever the provider knows may have an account here; else accounts are linked first';
comment on column identity_provider.trusts_mfa is 'its word (amr: mfa) that a second factor was shown is taken for ours';

create table external_identity (
    tenant_id int not null references tenant,
    provider_id text not null references identity_provider on delete cascade,
    subject text not null,
    user_id text not null references user_account,
    linked_at timestamptz not null,
    primary key (provider_id, subject)
);
create index external_identity_by_user on external_identity (user_id);
comment on column external_identity.subject is 'the provider''s sub: the only thing by which a person is known again, never the e-mail address';

create table external_login (
    tenant_id int not null references tenant,
    state_hash bytea not null primary key,
    browser_hash bytea not null,
    provider_id text not null references identity_provider on delete cascade,
    nonce text not null,
    verifier text not null,
    next text not null,
    link_to text references user_account,
    expires_at timestamptz not null
);
create index external_login_by_age on external_login (expires_at);
comment on table external_login is 'people who are at the provider now; a row is used up by the answer that names its state';

alter table login_session
    add column session_id text not null default gen_random_uuid()::text unique,
    add column provider_id text references identity_provider on delete set null,
    add column provider_subject text,
    add column provider_session text,
    add column id_token text;
create index login_session_by_provider on login_session (provider_id, provider_subject);
comment on column login_session.session_id is 'the sid of ID tokens: names the session and opens nothing';
comment on column login_session.id_token is 'the outside provider''s, shown to it when the person logs out there too';

create table session_client (
    tenant_id int not null references tenant,
    session_id text not null references login_session (session_id) on delete cascade,
    client_id text not null references oauth_client on delete cascade,
    primary key (session_id, client_id)
);
comment on table session_client is 'the apps that learned of a log-in, to be told of its end';

alter table oauth_client
    add column post_logout_redirect_uris text[] not null default '{}',
    add column backchannel_logout_uri text;

alter table authorization_code add column session_id text, add column second_factor boolean not null default false;
alter table refresh_token add column session_id text, add column second_factor boolean not null default false;
create index refresh_token_by_session on refresh_token (session_id) where revoked_at is null;

do $$
declare
    name text;
begin
    foreach name in array array['identity_provider', 'external_identity', 'external_login', 'session_client']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
    end loop;
end $$;
grant select on identity_provider to cityos_app;
grant select, insert, delete on external_identity, external_login, session_client to cityos_app;
