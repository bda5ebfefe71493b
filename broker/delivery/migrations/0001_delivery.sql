-- Subscribers and what is to be delivered to each: a queue per subscriber, so that a dead one delays nobody else.

create table subscriber (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    name text not null default '',
    channel text not null check (channel in ('webhook', 'mail', 'mqtt')),
    target text not null,
    secret bytea,
    filter jsonb not null default '{}',
    status text not null default 'active' check (status in ('active', 'paused', 'gone')),
    failures int not null default 0,
    hold_until timestamptz not null default '-infinity',
    leased_until timestamptz not null default '-infinity',
    last_error text,
    created_at timestamptz not null default now(),
    unique (tenant_id, channel, target)
);
comment on column subscriber.secret is 'the key of a webhook''s signature, shown once when it is made';
comment on column subscriber.hold_until is 'after a failure: nothing is tried before this time';
comment on column subscriber.leased_until is 'one worker at a time; a worker that dies loses it by time';

create table delivery (
    id bigint primary key generated always as identity,
    tenant_id int not null,
    subscriber_id bigint not null references subscriber on delete cascade,
    notice_id text not null,
    notice jsonb not null,
    state text not null default 'waiting' check (state in ('waiting', 'done', 'dead')),
    attempts int not null default 0,
    last_error text,
    created_at timestamptz not null,
    settled_at timestamptz,
    unique (subscriber_id, notice_id)
) with (fillfactor = 80);
create index delivery_waiting on delivery (subscriber_id, id) where state = 'waiting';
create index delivery_dead on delivery (tenant_id, id) where state = 'dead';
comment on column delivery.notice_id is 'the same at every attempt, so that a receiver can tell a repetition';

do $$
declare
    name text;
begin
    foreach name in array array['subscriber', 'delivery']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
grant usage, select on all sequences in schema public to cityos_app, cityos_system;
