-- Links sent by mail: to show that an address is one's own, and to set a new password.

alter table user_account
    drop constraint user_account_status_check,
    add constraint user_account_status_check check (status in ('active', 'suspended', 'unconfirmed')),
    add column email_verified boolean not null default false;
comment on column user_account.status is 'unconfirmed: signed up, and the link in the mail not yet followed; no log-in until then';

create table account_link (
    tenant_id int not null references tenant,
    token_hash bytea not null primary key,
    user_id text not null references user_account,
    purpose text not null check (purpose in ('confirm', 'reset')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index account_link_by_user on account_link (user_id, created_at);

alter table account_link enable row level security;
create policy own_rows on account_link to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on account_link to cityos_system using (true);
grant select, insert, update on account_link to cityos_app;
grant select, insert, update, delete on account_link to cityos_system;
