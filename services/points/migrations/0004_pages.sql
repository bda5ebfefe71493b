-- What the pages need: a shop's purchases by time, and check-ins at events.

alter table points_occasion add column shop text generated always as (document ->> 'shop') stored;
create index points_occasion_by_shop on points_occasion (tenant_id, shop, at) where shop is not null;
comment on column points_occasion.shop is 'a column, because an index over the document is of no use under row-level security';

create table points_checkin (
    tenant_id int not null references tenant,
    id text not null check (id ~ '^[A-Za-z0-9._-]{1,60}$'),
    event text not null,
    title text not null,
    digest bytea not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    by text not null,
    primary key (tenant_id, id),
    unique (tenant_id, digest),
    check (starts_at < ends_at)
);
comment on table points_checkin is 'events where residents scan a code: digest is SHA-256 of what it says; event is the rules'' word';
alter table points_checkin enable row level security;
create policy own_rows on points_checkin to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on points_checkin to cityos_system using (true);
grant select, insert on points_checkin to cityos_app, cityos_system;
