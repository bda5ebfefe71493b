-- A value that a person took out of history stays out: its late copy is known by this, though the value itself is gone.
create table history_withdrawn (
    tenant_id int not null references tenant,
    series_id bigint not null,
    at timestamptz not null,
    digest bytea not null,
    received_at timestamptz not null,
    withdrawn_at timestamptz not null default now(),
    primary key (series_id, at, digest)
);
create index history_withdrawn_by_time on history_withdrawn (tenant_id, withdrawn_at);
comment on table history_withdrawn is
    'instances of history that a person deleted or moved to another time, as digests: what a device or a replay says of them '
    'again is a copy. Kept as long as history';

create function history_digest(number_ float8, value_ jsonb) returns bytea
language sql stable parallel safe as $$
    select sha256(convert_to(coalesce(value_::text, number_::text), 'UTF8'))
$$;

alter table history_withdrawn enable row level security;
create policy own_rows on history_withdrawn to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on history_withdrawn to cityos_system using (true);
grant select, insert, delete on history_withdrawn to cityos_app, cityos_system;
