-- Tenants, devices, entities, history, positions and the accounting of what arrived.
-- Every table that holds a city's rows carries tenant_id and a row-level policy: a request's role sees only the
-- tenant set for its transaction; the system's role (writer, services) sees all. int4 equality is leakproof, so
-- the policies leave the indexes usable.

create table tenant (
    id int primary key generated always as identity,
    name text not null unique check (name ~ '^[a-z][a-z0-9_]{0,49}$'),
    title text not null default '',
    local_government_code text,
    unknown_devices text not null default 'quarantine' check (unknown_devices in ('reject', 'quarantine')),
    created_at timestamptz not null default now()
);

create table device (
    tenant_id int not null references tenant,
    id text not null,
    family text not null,
    kind text not null default 'device' check (kind in ('device', 'network')),
    status text not null default 'approved' check (status in ('approved', 'quarantined', 'suspended')),
    entity_id text,
    entity_type text,
    secret_hash bytea,
    profile jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, id)
);
create index device_by_update on device (updated_at);
create function device_touched() returns trigger language plpgsql as $$
begin
    new.updated_at := clock_timestamp();
    perform pg_notify('device', '');
    return new;
end $$;
create trigger device_touched before insert or update on device for each row execute function device_touched();
comment on column device.kind is 'a network speaks for the devices of its family (a LoRaWAN network server, an existing MQTT broker)';
comment on column device.secret_hash is 'SHA-256 of a secret of 128 random bits or more that we made ourselves';
comment on column device.profile is 'what the family needs: position, zero, valid range, report interval, attributes of the entity';

create table entity (
    tenant_id int not null references tenant,
    id text not null,
    type text[] not null,
    first_type text not null generated always as (type[1]) stored,
    doc jsonb not null,
    version bigint not null,
    lon float8,
    lat float8,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    primary key (tenant_id, id)
) with (fillfactor = 50);
create index entity_by_type on entity (tenant_id, first_type, id);
create index entity_by_place on entity (tenant_id, lon, lat) where lon is not null;
comment on column entity.doc is 'the normalized NGSI-LD entity; names in the default vocabulary are short, all others full IRIs';

create table series (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    entity_id text not null,
    attribute text not null,
    dataset_id text not null default '',
    unit_code text not null default '',
    unique (tenant_id, entity_id, attribute, dataset_id, unit_code)
);
comment on table series is 'one attribute instance of one entity in one unit: what a row of history belongs to';

create table history (
    series_id bigint not null,
    at timestamptz not null,
    version smallint not null default 0,
    tenant_id int not null,
    number float8,
    value jsonb,
    received_at timestamptz not null,
    confirmed boolean not null default false
) partition by range (at);
create unique index history_once on history (series_id, at, version);
comment on column history.at is 'observedAt where the attribute has one, else the time of the change';
comment on column history.number is 'the value of a numeric Property; else null and the attribute is in value';
comment on column history.version is '0, or the count of corrections: same device and time, another value';
comment on column history.confirmed is '確定: a person has confirmed it. Every live value is 暫定 until then';
create table history_rest partition of history default;

create table message_seen (
    tenant_id int not null,
    device text not null,
    message_key text not null,
    seen_at timestamptz not null,
    primary key (tenant_id, device, message_key)
);

create table position (
    consumer text not null,
    topic text not null,
    partition int not null,
    next bigint not null,
    primary key (consumer, topic, partition)
);
comment on table position is 'where each consumer group stands; advanced by compare-and-set with the effects';

create table account (
    tenant_id int not null references tenant,
    day date not null,
    device text not null,
    outcome text not null,
    count bigint not null,
    primary key (tenant_id, day, device, outcome)
) with (fillfactor = 70);
comment on table account is
    'per device and UTC day of arrival: received, stored, duplicate, and rejected:REASON. received is counted from '
    'the log''s records, the others from what the database did; received = stored + duplicate + rejected';

create table account_batch (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    day date not null,
    counts jsonb not null
);
comment on table account_batch is
    'the counts of one transaction of the writer, {device: {outcome: count}}, until they are folded into account: '
    'one row in place of an update per device keeps the accounting exact at a tenth of the cost';

create view accounting with (security_invoker = true) as
    select tenant_id, day, device, outcome, sum(count)::bigint as count
    from (
        select tenant_id, day, device, outcome, count from account
        union all
        select b.tenant_id, b.day, d.key, o.key, o.value::bigint
        from account_batch b, jsonb_each(b.counts) d, jsonb_each_text(d.value) o
    ) every
    group by tenant_id, day, device, outcome;

create table rejected (
    id bigint primary key generated always as identity,
    tenant_id int not null,
    sender text not null,
    device text not null,
    topic text not null,
    reason text not null,
    field text,
    detail text not null,
    payload bytea not null,
    received_at timestamptz not null,
    replayed_at timestamptz
);
create index rejected_by_device on rejected (tenant_id, device, id);

create table parked_record (
    id bigint primary key generated always as identity,
    consumer text not null,
    topic text not null,
    partition int not null,
    log_offset bigint not null,
    key bytea not null,
    value bytea not null,
    error text not null,
    parked_at timestamptz not null default now(),
    unique (consumer, topic, partition, log_offset)
);
comment on table parked_record is 'records whose handling failed by a fault of ours: set aside so that the stream goes on, and an alarm';

create table outbox (
    id bigint primary key generated always as identity,
    topic text not null,
    key bytea not null,
    value bytea not null
);
comment on table outbox is 'records that a transaction wants on a log outside this database; relayed and deleted in order';

do $$
declare
    name text;
begin
    foreach name in array array['device', 'entity', 'series', 'history', 'message_seen', 'account', 'account_batch', 'rejected']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
    end loop;
end $$;

grant usage on schema public to cityos_app, cityos_system;
grant select, insert, update, delete on all tables in schema public to cityos_system;
grant usage, select on all sequences in schema public to cityos_system;
grant select on tenant to cityos_app;
grant select, insert, update, delete on entity, series, history, outbox to cityos_app;
grant select, insert, update on device to cityos_app;
grant select on account, account_batch, accounting, rejected to cityos_app;
grant usage, select on all sequences in schema public to cityos_app;
