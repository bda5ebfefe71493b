-- What the city says of its data sets. A data set is the entities of one type; what is not said here has a default.

create table data_set (
    tenant_id int not null references tenant,
    type text not null check (length(type) between 1 and 300),
    title text not null check (length(title) between 1 and 200),
    title_en text not null default '',
    description text not null default '',
    owner text not null,
    contact text not null default '',
    license text not null,
    area text not null default '',
    marking text not null check (marking in ('open', 'statistical', 'anonymised', 'pseudonymised', 'personal')),
    interval_s int check (interval_s > 0),
    keywords text[] not null default '{}',
    changed_by text not null,
    changed_at timestamptz not null,
    primary key (tenant_id, type)
);
comment on column data_set.interval_s is 'how often each of its entities is expected to change; none: no such promise';
alter table data_set enable row level security;
create policy own_rows on data_set to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on data_set to cityos_system using (true);
grant select, insert, update, delete on data_set to cityos_app, cityos_system;
