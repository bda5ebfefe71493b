-- Bus fares that were booked in points and could not be taken: somebody has to collect them.

create table points_unpaid_fare (
    tenant_id int not null references tenant,
    ride text not null,
    person text,
    account text,
    yen bigint not null check (yen > 0),
    why text not null,
    at timestamptz not null,
    attempt int not null default 1,
    how text check (how in ('points', 'cash', 'waived')),
    by text,
    note text not null default '',
    ended_at timestamptz,
    primary key (tenant_id, ride),
    check (ended_at is null or how is not null)
);
create index points_unpaid_fare_open on points_unpaid_fare (tenant_id, at) where ended_at is null;
comment on table points_unpaid_fare is 'personal data: never in the open API';
comment on column points_unpaid_fare.attempt is 'which attempt to take it in points comes next, or is under way: part of the payment''s id, so that it is taken once';
comment on column points_unpaid_fare.how is 'how it was collected; points without ended_at: it is being taken, and cannot be collected otherwise';
alter table points_unpaid_fare enable row level security;
create policy own_rows on points_unpaid_fare to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on points_unpaid_fare to cityos_system using (true);
grant select, insert, update on points_unpaid_fare to cityos_app, cityos_system;
