-- Quotas, what of the usage belongs to which data set, who was active, when the city was up, targets and revenue;
-- and the attempts to log in by network address, which all gateway processes count together.

alter table usage
    add column data_set text not null default '',
    add column failed bigint not null default 0,
    drop constraint usage_pkey,
    add primary key (tenant_id, day, client, data, data_set);
comment on column usage.data is 'the operation';
comment on column usage.data_set is 'the entity type that it was about, empty where it was about none or several';
comment on column usage.failed is 'answers with a status of 500 or more';

create table quota (
    tenant_id int not null references tenant,
    client text not null,
    per_second float8 check (per_second > 0),
    burst int check (burst >= 1),
    per_month bigint check (per_month >= 0),
    changed_by text not null,
    changed_at timestamptz not null,
    primary key (tenant_id, client),
    check ((per_second is null) = (burst is null))
);
comment on column quota.client is 'an app; * is every app without a line of its own; empty is the whole city, strangers included';

create table active_user (
    tenant_id int not null references tenant,
    month date not null,
    client text not null,
    who bytea not null,
    primary key (tenant_id, month, client, who)
);
comment on column active_user.who is 'a hash of the person and the month: the same person cannot be followed from month to month';

create table up_hour (
    hour timestamptz primary key,
    minutes bigint not null
);
comment on table up_hour is 'a bit for each minute in which some gateway ran and could write to the database';

create table usage_target (
    tenant_id int not null references tenant,
    year int not null,
    measure text not null,
    target float8 not null,
    primary key (tenant_id, year, measure)
);

create table revenue (
    tenant_id int not null references tenant,
    year int not null,
    source text not null check (length(source) between 1 and 100),
    yen bigint not null,
    entered_by text not null,
    entered_at timestamptz not null,
    primary key (tenant_id, year, source)
);
comment on column revenue.year is '年度: from April of that year to March of the next';

create table attempt (
    address text primary key,
    left_over float8 not null,
    at timestamptz not null
);
create index attempt_by_time on attempt (at);
comment on table attempt is 'a bucket of attempts for each network address (IPv6: for each /64)';

do $$
declare
    name text;
begin
    foreach name in array array['quota', 'active_user', 'usage_target', 'revenue']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
grant select, insert, update on up_hour to cityos_app, cityos_system;
grant select, insert, update, delete on attempt to cityos_app, cityos_system;
