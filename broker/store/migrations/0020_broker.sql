-- What NGSI-LD adds to entities and history: when each attribute came and changed, contexts, subscriptions, registrations.

alter table entity add column stamps jsonb not null default '{}';
comment on column entity.stamps is
    'when attributes changed after the entity was made, by attribute: "c:NAME" its createdAt, "m:NAME" its modifiedAt';

create table jsonld_context (
    id text primary key,
    tenant_id int references tenant,
    url text,
    kind text not null check (kind in ('Hosted', 'Cached', 'ImplicitlyCreated')),
    body jsonb not null,
    created_at timestamptz not null default now(),
    last_usage timestamptz,
    hits bigint not null default 0
);
create unique index jsonld_context_by_url on jsonld_context (url) where kind = 'Cached';
comment on column jsonld_context.tenant_id is 'null for a copy of a public document, which is every city''s';

create table subscription (
    tenant_id int not null references tenant,
    id text not null,
    kind text not null default 'entities' check (kind in ('entities', 'registrations')),
    doc jsonb not null,
    active boolean not null default true,
    types text[],
    status text,
    times_sent bigint not null default 0,
    times_failed bigint not null default 0,
    last_notification timestamptz,
    last_success timestamptz,
    last_failure timestamptz,
    next_at timestamptz,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    primary key (tenant_id, kind, id)
);
create index subscription_due on subscription (next_at) where next_at is not null;
comment on column subscription.doc is 'as parsed: names as in the store';
comment on column subscription.next_at is 'when a subscription with timeInterval is due again';

create table registration (
    tenant_id int not null references tenant,
    id text not null,
    doc jsonb not null,
    mode text not null default 'inclusive',
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    primary key (tenant_id, id)
);

create table notification (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    kind text not null,
    subscription_id text not null,
    body jsonb not null,
    attempts int not null default 0,
    due_at timestamptz not null default now(),
    state text not null default 'waiting' check (state in ('waiting', 'dead')),
    error text
);
create index notification_due on notification (due_at) where state = 'waiting';

do $$
declare
    name text;
begin
    foreach name in array array['subscription', 'registration', 'notification']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;
alter table jsonld_context enable row level security;
create policy own_rows on jsonld_context to cityos_app
    using (tenant_id is null or tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on jsonld_context to cityos_system using (true);

create function subscription_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('subscription', '');
    return null;
end $$;
create trigger subscription_changed after insert or update of doc, active or delete on subscription
    for each statement execute function subscription_changed();
create function notification_waiting() returns trigger language plpgsql as $$
begin
    perform pg_notify('notification', '');
    return null;
end $$;
create trigger notification_waiting after insert on notification
    for each statement execute function notification_waiting();

grant select, insert, update, delete on jsonld_context, subscription, registration, notification to cityos_app, cityos_system;
grant usage, select on all sequences in schema public to cityos_app, cityos_system;
