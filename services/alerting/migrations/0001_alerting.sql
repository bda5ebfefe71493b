-- What the flood service knows and has decided: rules by version, states, decisions, quality marks and alerts.

create table rule_set (
    tenant_id int not null references tenant,
    number int not null,
    digest text not null,
    document jsonb not null,
    created_by text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, number)
);
comment on table rule_set is 'every version of a municipality''s rules; the highest number holds. Never changed, never deleted';

create table gauge_state (
    tenant_id int not null references tenant,
    entity_id text not null,
    river text not null default '',
    rank smallint not null,
    doubt_rank smallint not null,
    trend text not null,
    quality text not null,
    reasons text[] not null,
    level float8,
    observed_at timestamptz,
    since timestamptz,
    silent_from timestamptz,
    silent_since timestamptz,
    steps jsonb not null,
    state jsonb not null,
    rules text not null,
    revision int not null,
    primary key (tenant_id, entity_id)
) with (fillfactor = 70);
create index gauge_state_by_river on gauge_state (tenant_id, river);
create index gauge_state_silent_next on gauge_state (silent_from) where silent_since is null;
create index gauge_state_silent on gauge_state (tenant_id, entity_id) where silent_since is not null;
comment on column gauge_state.rank is 'schemas.river.Stage.rank';
comment on column gauge_state.doubt_rank is 'the stage that a suspect reading would mean, for staff; -2 where there is none';
comment on column gauge_state.silent_from is 'when the gauge counts as silent if it reports nothing more';
comment on column gauge_state.revision is 'advances by compare-and-set: two processes never overwrite each other';

create table decision (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    entity_id text not null,
    kind text not null,
    at timestamptz not null,
    stage_before text not null,
    stage_after text not null,
    why text not null,
    mode text not null,
    rules text not null,
    inputs jsonb not null,
    made_at timestamptz not null
);
create index decision_by_gauge on decision (tenant_id, entity_id, at);
comment on column decision.at is 'the observed time of the reading that decided; made_at is when it was decided';

create table quality_mark (
    tenant_id int not null,
    entity_id text not null,
    at timestamptz not null,
    version smallint not null,
    quality text not null,
    reasons text[] not null,
    primary key (tenant_id, entity_id, at, version)
);
comment on table quality_mark is 'values that are not plainly good. Apart from 暫定/確定, which is history.confirmed';

create table alert (
    tenant_id int not null references tenant,
    id text not null,
    entity_id text not null,
    mode text not null,
    rank smallint not null,
    highest smallint not null,
    issued_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz,
    ended_by text check (ended_by in ('clear', 'cancel')),
    body jsonb not null,
    primary key (tenant_id, id)
);
create unique index alert_active on alert (tenant_id, entity_id, mode) where ended_at is null;
create index alert_by_gauge on alert (tenant_id, entity_id);

create table alert_message (
    tenant_id int not null references tenant,
    id text not null,
    alert_id text not null,
    number int not null,
    kind text not null check (kind in ('alert', 'update', 'clear', 'cancel')),
    sent_at timestamptz not null,
    headline text not null,
    headline_en text not null,
    summary text not null,
    cap text not null,
    primary key (tenant_id, id),
    unique (tenant_id, alert_id, number)
);
create index alert_message_by_time on alert_message (tenant_id, sent_at desc);

create table city_clock (
    tenant_id int primary key references tenant,
    at timestamptz not null
);
comment on table city_clock is 'the newest time observed, kept where the city''s present is that of its data (a replay)';

do $$
declare
    name text;
begin
    foreach name in array array['rule_set', 'gauge_state', 'decision', 'quality_mark', 'alert', 'alert_message', 'city_clock']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
        execute format('grant select on %I to cityos_app', name);
    end loop;
end $$;
grant insert on rule_set to cityos_app;
grant usage, select on all sequences in schema public to cityos_app, cityos_system;
create index device_by_entity on device (tenant_id, entity_id) where entity_id is not null;
create index gauge_state_doubted on gauge_state (tenant_id, river) where doubt_rank > 0;
