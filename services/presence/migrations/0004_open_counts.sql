-- What is told openly: a city's own least number, and which hours it has told. Each is told once, so that nobody learns
-- from what a later count has more who came late.
create table tag_open (
    tenant_id int primary key references tenant,
    flow_least int not null check (flow_least >= 2)
);
comment on column tag_open.flow_least is 'the least number of tags that an open count of this city may tell (k); without a row the installation''s';

create table tag_told_hour (
    tenant_id int not null references tenant,
    decided timestamptz not null,
    primary key (tenant_id, decided)
);

do $$
declare
    name text;
begin
    foreach name in array array['tag_open', 'tag_told_hour']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_family using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
    end loop;
end $$;
grant select on tag_open to cityos_family;
