-- Watch tags: who wears which (sealed), what detectors heard, where that leaves them, and what the family was told.
-- The gateway's own user has no right to any of these tables: a request for a family takes the role cityos_family for
-- the statements that need it. Names, codes and places are sealed with a key that this database never sees.

create table tag (
    tenant_id int not null references tenant,
    id text not null,
    vendor text not null default '',
    code bytea not null,
    person bytea not null,
    sealed bytea not null,
    registered_at timestamptz not null,
    ended_at timestamptz,
    primary key (tenant_id, id)
);
create unique index tag_by_code on tag (tenant_id, code) where ended_at is null;
create index tag_by_person on tag (tenant_id, person);
comment on table tag is 'the one link between a person and a tag; code and person are keyed hashes, sealed holds both in clear and the name';

create table tag_alias (
    tenant_id int not null references tenant,
    epoch int not null,
    pseudonym text not null,
    tag_id text not null,
    primary key (tenant_id, epoch, pseudonym),
    foreign key (tenant_id, tag_id) references tag on delete cascade
);
create index tag_alias_of on tag_alias (tenant_id, tag_id);
comment on table tag_alias is 'under which pseudonym a registered tag is heard in an epoch';

create table tag_place (
    tenant_id int not null references tenant,
    id text not null,
    tag_id text not null,
    sealed bytea not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, tag_id) references tag on delete cascade
);
create index tag_place_of on tag_place (tenant_id, tag_id);

create table tag_rule (
    tenant_id int not null references tenant,
    id text not null,
    tag_id text not null,
    body jsonb not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, tag_id) references tag on delete cascade
);
create index tag_rule_of on tag_rule (tenant_id, tag_id);
comment on column tag_rule.body is 'services.presence.rules.Rule: of what the family is told';

create table tag_presence (
    tenant_id int not null references tenant,
    tag_id text not null,
    settled jsonb not null,
    current jsonb not null,
    primary key (tenant_id, tag_id),
    foreign key (tenant_id, tag_id) references tag on delete cascade
);
comment on column tag_presence.settled is 'services.presence.track.State before the newest window, which may still grow';

create table tag_day (
    tenant_id int not null references tenant,
    tag_id text not null,
    day date not null,
    state jsonb not null,
    primary key (tenant_id, tag_id, day),
    foreign key (tenant_id, tag_id) references tag on delete cascade
);
comment on table tag_day is 'the state with which a UTC day began: from here a late report is folded again';

create table tag_event (
    tenant_id int not null references tenant,
    tag_id text not null,
    kind text not null,
    place text not null,
    at timestamptz not null,
    decided int not null,
    noted_at timestamptz not null,
    withdrawn_at timestamptz,
    told_at timestamptz,
    primary key (tenant_id, tag_id, kind, place, at),
    foreign key (tenant_id, tag_id) references tag on delete cascade
);
comment on column tag_event.withdrawn_at is 'when a late report showed that it had not been so';

create table tag_search (
    tenant_id int not null references tenant,
    id text not null,
    tag_id text not null,
    reported_by text not null,
    reported_at timestamptz not null,
    emergency text,
    opened_at timestamptz,
    until timestamptz,
    closed_at timestamptz,
    closed_by text,
    primary key (tenant_id, id)
);
create unique index tag_search_open on tag_search (tenant_id, tag_id) where closed_at is null;
comment on column tag_search.emergency is 'the officer''s access in broker.consent, by which every look is booked and shown';

create table tag_cell (
    tenant_id int not null,
    tag_id text not null,
    decided timestamptz not null,
    detector text not null,
    body jsonb not null,
    primary key (tenant_id, tag_id, decided, detector)
) partition by list (tenant_id);
comment on table tag_cell is 'what one detector heard of one registered tag in one window, which began at decided';

create table tag_flow (
    tenant_id int not null,
    detector text not null,
    decided timestamptz not null,
    pseudonym text not null,
    primary key (tenant_id, detector, decided, pseudonym)
) partition by list (tenant_id);
comment on table tag_flow is 'which pseudonyms a detector heard in an hour, to be counted and then dropped';

create table tag_dropped (
    tenant_id int not null references tenant,
    kind text not null,
    day date not null,
    rows bigint not null,
    dropped_at timestamptz not null default now(),
    primary key (tenant_id, kind, day)
);
comment on table tag_dropped is 'the proof that a day''s data were dropped when their time was over';

create function tag_make_day(kind_ text, tenant_ int, day_ date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    city_ text := kind_ || '_' || tenant_;
    name_ text := city_ || '_' || to_char(day_, 'YYYYMMDD');
begin
    if kind_ not in ('tag_cell', 'tag_flow') then
        raise exception 'no days are made for %', kind_;
    end if;
    if to_regclass('public.' || name_) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext('tag_make_day'));
    execute format('create table if not exists public.%I partition of public.%I for values in (%s) partition by range (decided)',
        city_, kind_, tenant_);
    execute format('alter table public.%I enable row level security', city_);
    execute format('create table if not exists public.%I partition of public.%I for values from (%L) to (%L)',
        name_, city_, day_::timestamp at time zone 'UTC', (day_ + 1)::timestamp at time zone 'UTC');
    execute format('alter table public.%I enable row level security', name_);
end $$;

create function tag_drop_days(kind_ text, tenant_ int, before_ date) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    name_ text;
    rows_ bigint;
    dropped_ int := 0;
begin
    if kind_ not in ('tag_cell', 'tag_flow') then
        raise exception 'no days are dropped of %', kind_;
    end if;
    for name_ in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass('public.' || kind_ || '_' || tenant_)
            and to_date(right(c.relname, 8), 'YYYYMMDD') < before_
        order by 1
    loop
        execute format('select count(*) from public.%I', name_) into rows_;
        execute format('drop table public.%I', name_);
        insert into public.tag_dropped (tenant_id, kind, day, rows)
        values (tenant_, kind_, to_date(right(name_, 8), 'YYYYMMDD'), rows_)
        on conflict (tenant_id, kind, day) do update set rows = tag_dropped.rows + excluded.rows, dropped_at = now();
        dropped_ := dropped_ + 1;
    end loop;
    return dropped_;
end $$;
revoke execute on function tag_make_day, tag_drop_days from public;
grant execute on function tag_make_day, tag_drop_days to cityos_system;

do $$
declare
    name text;
begin
    foreach name in array array['tag', 'tag_alias', 'tag_place', 'tag_rule', 'tag_presence', 'tag_day', 'tag_event',
        'tag_search', 'tag_cell', 'tag_flow', 'tag_dropped']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_family using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_family, cityos_system', name);
    end loop;
end $$;
grant usage on schema public to cityos_family;

do $$
declare
    name text;
begin
    for name in select conname from pg_constraint
        where conrelid = 'retention'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%rollup_day%'
    loop
        execute format('alter table retention drop constraint %I', name);
    end loop;
end $$;
alter table retention add constraint retention_kind check (kind in ('history', 'rollup_hour', 'rollup_day', 'rejected',
    'message_seen', 'account', 'entity_past', 'attribute_past', 'tag_cell', 'tag_flow', 'tag_event'));
insert into retention (tenant_id, kind, keep) values
    (null, 'tag_cell', interval '30 days'), (null, 'tag_flow', interval '2 days'), (null, 'tag_event', interval '30 days');
