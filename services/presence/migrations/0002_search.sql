-- A search for a missing person: what the family wrote (sealed), and each officer who opened it, for how long.
alter table tag_search add column sealed bytea;
comment on column tag_search.sealed is 'what the family wrote of the missing person; gone when the search is closed';
comment on column tag_search.emergency is 'not used any more: each officer has an access of their own in tag_search_officer';
create index tag_search_closed on tag_search (closed_at) where closed_at is not null;

create table tag_search_officer (
    tenant_id int not null references tenant,
    search_id text not null,
    officer text not null,
    opened_at timestamptz not null,
    until timestamptz not null,
    emergency text not null,
    primary key (tenant_id, search_id, officer, opened_at),
    foreign key (tenant_id, search_id) references tag_search on delete cascade
);
comment on column tag_search_officer.emergency is 'the officer''s access in broker.consent, by which every look is booked, shown and reviewed';
alter table tag_search_officer enable row level security;
create policy own_rows on tag_search_officer to cityos_family using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on tag_search_officer to cityos_system using (true);
grant select, insert, update, delete on tag_search_officer to cityos_family, cityos_system;

do $$
declare
    rule text;
begin
    select pg_get_constraintdef(oid) into strict rule from pg_constraint where conname = 'retention_kind';
    alter table retention drop constraint retention_kind;
    execute 'alter table retention add constraint retention_kind ' || replace(rule, 'ARRAY[', 'ARRAY[''tag_search''::text, ');
end $$;
insert into retention (tenant_id, kind, keep) values (null, 'tag_search', interval '30 days');
