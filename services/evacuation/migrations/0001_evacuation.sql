-- Districts, what is proposed for them, what was issued, what holds now, and the record of the night.

create table district (
    tenant_id int not null references tenant,
    id text not null,
    position int not null,
    gauges text[] not null,
    body jsonb not null,
    primary key (tenant_id, id)
);
create index district_by_gauge on district using gin (gauges);
comment on column district.body is 'services.evacuation.areas.District: counts of people, never names';

create table evacuation_proposal (
    tenant_id int not null references tenant,
    district_id text not null,
    mode text not null,
    level smallint not null check (level in (0, 3, 4, 5)),
    body jsonb not null,
    observed_at timestamptz,
    since timestamptz not null,
    made_at timestamptz not null,
    answered_by text,
    answered_at timestamptz,
    escalated_at timestamptz,
    primary key (tenant_id, district_id, mode)
);
create index evacuation_proposal_unanswered on evacuation_proposal (since)
    where level > 0 and answered_at is null and escalated_at is null;
comment on column evacuation_proposal.since is 'when this level was first proposed; a person has answered, or it is escalated';

create table evacuation_order (
    tenant_id int not null references tenant,
    id text not null,
    number int not null,
    mode text not null check (mode in ('actual', 'exercise', 'test')),
    state text not null check (state in ('waiting', 'issued', 'refused')),
    body jsonb not null,
    wish jsonb not null,
    evidence jsonb not null,
    words jsonb,
    cap text,
    asked_at timestamptz not null,
    issued_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, mode, number)
);
create index evacuation_order_by_time on evacuation_order (tenant_id, issued_at desc) where state = 'issued';
comment on column evacuation_order.evidence is 'the proposals of its districts as they stood when it was decided on';

create table evacuation_standing (
    tenant_id int not null references tenant,
    district_id text not null,
    mode text not null,
    level smallint not null default 0 check (level in (0, 3, 4, 5)),
    order_id text,
    revision int not null default 0,
    primary key (tenant_id, district_id, mode)
);
comment on table evacuation_standing is 'what holds in a district; locked and compared by revision, so that two officers do not cross';

create table evacuation_record (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    at timestamptz not null,
    city_at timestamptz not null,
    mode text not null,
    kind text not null,
    actor text not null,
    actor_name text not null,
    districts text[] not null,
    text text not null,
    detail jsonb not null default '{}'
);
create index evacuation_record_by_time on evacuation_record (tenant_id, mode, city_at, id);
comment on table evacuation_record is '時系列記録, append-only. city_at is the city''s present: in a replay, that of the data';

create function evacuation_record_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the record of the night is append-only';
end $$;
create trigger evacuation_record_append_only before update or delete on evacuation_record
    for each statement execute function evacuation_record_is_append_only();

do $$
declare
    name text;
begin
    foreach name in array array['district', 'evacuation_proposal', 'evacuation_order', 'evacuation_standing', 'evacuation_record']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
grant usage, select on all sequences in schema public to cityos_app, cityos_system;
