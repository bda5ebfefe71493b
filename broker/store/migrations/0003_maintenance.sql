-- Upkeep: history by month, roll-ups by hour and by day, how long each kind of data is kept.
-- Making and dropping partitions needs the owner's rights, which no process of the city has while it runs: the
-- functions below carry them, do only this, and check what they are asked.

-- A month has a partition when it is near, announced by a bulk load, or found in the default partition.
create function history_make_month(month_ date) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    first_ timestamptz := date_trunc('month', month_::timestamp) at time zone 'UTC';
    after_ timestamptz := (date_trunc('month', month_::timestamp) + interval '1 month') at time zone 'UTC';
    name_ text := 'history_' || to_char(month_, 'YYYY_MM');
    moved_ bigint;
begin
    if month_ < '1900-01-01' or month_ >= '2200-01-01' then
        raise exception 'no partition is made for %: months from 1900 to 2199 are', month_;
    end if;
    perform pg_advisory_xact_lock(hashtext('history_make_month'));
    if to_regclass('public.' || name_) is not null then
        return 0;
    end if;
    execute format('create table public.%I (like public.history including defaults including storage)', name_);
    execute format('alter table public.%I enable row level security', name_);
    -- Writers to the default partition wait from here on; readers, and writers to any month, do not.
    lock table public.history_rest in share row exclusive mode;
    execute format('insert into public.%I select * from public.history_rest where at >= $1 and at < $2', name_)
        using first_, after_;
    get diagnostics moved_ = row_count;
    execute format('create unique index on public.%I (series_id, at, version)', name_);
    execute format('create index on public.%I using brin (received_at) with (autosummarize = on)', name_);
    execute format('alter table public.%I add constraint month check (at >= %L and at < %L)', name_, first_, after_);
    if moved_ > 0 then
        delete from public.history_rest where at >= first_ and at < after_;
    end if;
    execute format('alter table public.history attach partition public.%I for values from (%L) to (%L)',
        name_, first_, after_);
    execute format('alter table public.%I drop constraint month', name_);
    return moved_;
end $$;
comment on function history_make_month is
    'makes the partition of a UTC month where it is missing, moves its rows out of the default partition and returns how many';

create function history_drop_month(month_ date, cutoff_ timestamptz) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    after_ timestamptz := (date_trunc('month', month_::timestamp) + interval '1 month') at time zone 'UTC';
    name_ text := 'history_' || to_char(month_, 'YYYY_MM');
    young_ boolean;
begin
    if to_regclass('public.' || name_) is null or after_ > cutoff_ then
        return false;
    end if;
    execute format('select exists (select from public.%I where received_at >= $1)', name_) into young_ using cutoff_;
    if young_ then
        return false;
    end if;
    execute format('drop table public.%I', name_);
    return true;
end $$;
comment on function history_drop_month is
    'drops a month in which every value was measured and received before the cutoff; says whether it did';

create function history_months() returns table (month date)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select to_date(right(c.relname, 7), 'YYYY_MM')
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'public.history'::regclass and c.relname ~ '^history_\d{4}_\d{2}$'
$$;

create function history_rest_months() returns table (month date, rows bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select date_trunc('month', at at time zone 'UTC')::date, count(*) from public.history_rest group by 1
$$;

-- Nobody reads a partition past the policies of `history`: no rights, and policies that show nothing.
revoke all on history_rest from cityos_system, cityos_app;
alter table history_rest enable row level security;
create index history_by_arrival on history using brin (received_at) with (autosummarize = on);

-- Which buckets changed: one row for each statement, seen when the values are. Folded into rollup_due later.
create table history_dirty (
    id bigint primary key generated always as identity,
    series_ids bigint[] not null,
    hours timestamptz[] not null
);
create function history_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('cityos.retention', true) = 'on' then
        return null;
    end if;
    insert into public.history_dirty (series_ids, hours)
    select array_agg(series_id), array_agg(hour)
    from (select distinct series_id, date_bin('1 hour', at, '2000-01-01 00:00Z') as hour from changed) d
    having count(*) > 0;
    return null;
end $$;
create trigger history_inserted after insert on history
    referencing new table as changed for each statement execute function history_changed();
create trigger history_updated after update on history
    referencing new table as changed for each statement execute function history_changed();
create trigger history_deleted after delete on history
    referencing old table as changed for each statement execute function history_changed();

create table rollup_due (
    series_id bigint not null,
    hour timestamptz not null,
    tenant_id int not null references tenant,
    primary key (hour, series_id)
);
create index rollup_due_by_series on rollup_due (series_id, hour);
comment on table rollup_due is 'buckets whose roll-up is older than their history, or still missing';

create table history_hour (
    series_id bigint not null,
    start timestamptz not null,
    tenant_id int not null,
    total int not null,
    count int not null,
    sum float8,
    sumsq float8,
    spread float8,
    min float8,
    max float8,
    first float8,
    last float8,
    primary key (series_id, start)
) with (fillfactor = 80);
comment on table history_hour is 'one series in one UTC hour, each time counted once with its latest version';
comment on column history_hour.total is 'values of every kind; count and the rest are of the numbers only';
comment on column history_hour.spread is 'sum of squared deviations from the mean: stddev without the cancellation of sumsq';
create table history_day (like history_hour including all);
comment on table history_day is 'the same for one day of local time in Japan (from 15:00 UTC of the day before)';

-- Inlined by the planner: what an hour's roll-up must be, from history itself.
create function history_bucket(series_ bigint, hour_ timestamptz) returns setof history_hour
language sql stable as $$
    select series_, hour_, v.tenant_id, count(*)::int, count(v.number)::int, sum(v.number), sum(v.number * v.number),
        var_pop(v.number) * count(v.number), min(v.number), max(v.number),
        (array_agg(v.number order by v.at) filter (where v.number is not null))[1],
        (array_agg(v.number order by v.at desc) filter (where v.number is not null))[1]
    from (
        select distinct on (h.at) h.at, h.number, h.tenant_id
        from public.history h
        where h.series_id = series_ and h.at >= hour_ and h.at < hour_ + interval '1 hour'
        order by h.at, h.version desc
    ) v
    group by v.tenant_id
$$;

create table retention (
    tenant_id int references tenant,
    kind text not null check (kind in ('history', 'rollup_hour', 'rollup_day', 'rejected', 'message_seen', 'account')),
    keep interval check (keep > interval '0'),
    max_bytes bigint check (max_bytes > 0),
    unique nulls not distinct (tenant_id, kind)
);
comment on table retention is 'how long a tenant keeps each kind of data; the row without a tenant is the default; no interval means for ever';
comment on column retention.max_bytes is 'for rejected: the bytes one tenant may hold; the oldest go first';
insert into retention (tenant_id, kind, keep, max_bytes) values
    (null, 'history', interval '5 years', null),
    (null, 'rollup_hour', interval '10 years', null),
    (null, 'rollup_day', null, null),
    (null, 'rejected', interval '90 days', 256 * 1024 * 1024),
    (null, 'message_seen', interval '30 days', null),
    (null, 'account', interval '6 years', null);
create view retention_of with (security_invoker = true) as
    select t.id as tenant_id, d.kind,
        case when o.kind is null then d.keep else o.keep end as keep,
        case when o.kind is null then d.max_bytes else o.max_bytes end as max_bytes
    from tenant t
    join retention d on d.tenant_id is null
    left join retention o on o.tenant_id = t.id and o.kind = d.kind;

create index message_seen_by_time on message_seen using brin (seen_at) with (autosummarize = on);

do $$
declare
    name text;
begin
    foreach name in array array['history_hour', 'history_day', 'rollup_due']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select on %I to cityos_app', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
    end loop;
end $$;
alter table retention enable row level security;
create policy own_rows on retention to cityos_app
    using (tenant_id is null or tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on retention to cityos_system using (true);
grant select on retention, retention_of to cityos_app;
grant select, insert, update, delete on retention to cityos_system;
grant select on retention_of to cityos_system;
grant select, delete on history_dirty to cityos_system;
revoke all on function history_make_month, history_drop_month, history_months, history_rest_months from public;
grant execute on function history_make_month, history_drop_month, history_months, history_rest_months to cityos_system;

-- Values that were there before have no roll-up yet.
insert into rollup_due (series_id, hour, tenant_id)
select distinct series_id, date_trunc('hour', at, 'UTC'), tenant_id from history;
