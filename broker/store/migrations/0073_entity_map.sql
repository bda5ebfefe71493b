-- Which entities a query found, and where they are known: pages that follow are of the same list.

create table entity_map (
    tenant_id int not null references tenant,
    id text not null primary key,
    owner text not null,
    members jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index entity_map_by_age on entity_map (expires_at);
create index entity_map_of_tenant on entity_map (tenant_id, created_at);
comment on column entity_map.members is '[id, [registration or @none …]] of each entity, in the order of the query';
comment on column entity_map.owner is 'who asked: nobody else may use it';

alter table entity_map enable row level security;
create policy own_rows on entity_map to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on entity_map to cityos_system using (true);
grant select, insert, update, delete on entity_map to cityos_app, cityos_system;
