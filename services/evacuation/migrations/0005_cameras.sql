-- Still images of the cameras beside gauges, kept for days and no longer.

create table camera_still (
    tenant_id int not null references tenant,
    camera text not null,
    at timestamptz not null,
    masked boolean not null,
    media_type text not null,
    body bytea not null,
    received_at timestamptz not null,
    primary key (tenant_id, camera, at)
);
create index camera_still_by_arrival on camera_still (received_at);
alter table camera_still alter column body set storage external;
comment on column camera_still.masked is 'faces and number plates were made unreadable: only such an image is shown to residents';

alter table camera_still enable row level security;
create policy own_rows on camera_still to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on camera_still to cityos_system using (true);
grant select, insert, update, delete on camera_still to cityos_app, cityos_system;
