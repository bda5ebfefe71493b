-- Browsers that take push messages (RFC 8030) are subscribers like any other; and what a person wants to hear, and where.
alter table subscriber
    drop constraint subscriber_channel_check,
    add constraint subscriber_channel_check check (channel in ('webhook', 'mail', 'mqtt', 'logout', 'webpush'));
comment on column subscriber.secret is
    'the key of a webhook''s signature, shown once when it is made; or the keys of a browser for which pushes are encrypted';
-- Whoever takes only what is sent to them by name is passed over when something is told to all.
create index subscriber_of_all on subscriber (tenant_id) where filter -> 'kinds' is distinct from '[]'::jsonb;

create table person_subscriber (
    tenant_id int not null references tenant,
    person text not null,
    matter text not null,
    subscriber_id bigint not null references subscriber on delete cascade,
    since timestamptz not null,
    primary key (tenant_id, person, matter, subscriber_id)
);
create index person_subscriber_of on person_subscriber (subscriber_id);
comment on table person_subscriber is 'where a person wants to be told of a matter (watch tags, say) that concerns them';

create table push_key (
    id text primary key,
    private_jwk jsonb not null,
    created_at timestamptz not null default now()
);
comment on table push_key is 'the key by which push services know this platform (VAPID, RFC 8292); browsers are bound to it';
grant select, insert on push_key to cityos_app, cityos_system;

alter table person_subscriber enable row level security;
create policy own_rows on person_subscriber to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on person_subscriber to cityos_system using (true);
grant select, insert, update, delete on person_subscriber to cityos_app, cityos_system;
