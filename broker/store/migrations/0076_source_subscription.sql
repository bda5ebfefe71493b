-- What context sources are asked to keep for our subscriptions (ETSI GS CIM 009, 5.8.1).

create table source_subscription (
    tenant_id int not null references tenant,
    id text not null,
    subscription_id text not null,
    source jsonb not null,
    made_of text not null,
    key text not null,
    wanted boolean not null default true,
    there boolean not null default false,
    attempts int not null default 0,
    due_at timestamptz not null default now(),
    primary key (tenant_id, id)
);
create unique index source_subscription_by_key on source_subscription (key);
create index source_subscription_due on source_subscription (due_at) where not (wanted and there);
comment on column source_subscription.id is
    'the id that it has there: ours, so that asking again for what was answered and not heard makes no second one';
comment on column source_subscription.source is 'the registration as it was: it must be found to be asked to forget';
comment on column source_subscription.made_of is 'the versions of the subscription and of the registration';
comment on column source_subscription.key is 'what tells a notification from there from anybody else''s; part of its address';

alter table source_subscription enable row level security;
create policy own_rows on source_subscription to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on source_subscription to cityos_system using (true);
grant select, insert, update, delete on source_subscription to cityos_app, cityos_system;

create function subscription_of_key(key_ text) returns text language sql stable security definer
    set search_path = public as $$
    select t.name from source_subscription s join tenant t on t.id = s.tenant_id where s.key = key_ and s.wanted
$$;
revoke all on function subscription_of_key(text) from public;
grant execute on function subscription_of_key(text) to cityos_app;
