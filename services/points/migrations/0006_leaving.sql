-- Shops that leave, and residents told before their points expire.

alter table points_shop add column leaving_at timestamptz;
comment on column points_shop.leaving_at is 'since then it takes no payments; refunds go on until the last settlement (closed_at)';

create table points_announced (
    tenant_id int not null references tenant,
    lot bigint not null,
    at timestamptz not null,
    primary key (tenant_id, lot)
);
comment on table points_announced is 'lots whose expiry their holder was told of: once, as a lot''s date never changes';
alter table points_announced enable row level security;
create policy own_rows on points_announced to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on points_announced to cityos_system using (true);
revoke all on points_announced from cityos_app, cityos_system;
grant select, insert on points_announced to cityos_app, cityos_system;
