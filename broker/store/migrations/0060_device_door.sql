-- Devices: secrets that overlap, stickers' codes, certificates, when one was last heard, and commands to them.

alter table device
    add column previous_hash bytea,
    add column previous_until timestamptz,
    add column claim_hash bytea,
    add column claimed_by text,
    add column certified boolean not null default false;
create unique index device_by_claim on device (tenant_id, claim_hash);
comment on column device.previous_hash is 'the secret before this one, good until previous_until: a device is changed without a gap';
comment on column device.claim_hash is 'SHA-256 of the code on its sticker, until somebody has claimed it';
comment on column device.certified is 'certificates were bound to it: from then on only one of those, not revoked, counts';

create table device_certificate (
    tenant_id int not null references tenant,
    device text not null,
    fingerprint bytea not null,
    serial text not null,
    expires_at timestamptz not null,
    issued_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (tenant_id, fingerprint)
);
create index device_certificate_by_device on device_certificate (tenant_id, device);
comment on column device_certificate.fingerprint is 'SHA-256 of the certificate in DER';

create table device_seen (
    tenant_id int not null references tenant,
    device text not null,
    at timestamptz not null,
    primary key (tenant_id, device)
) with (fillfactor = 70);
comment on table device_seen is 'when each device was last heard, to the minute: kept apart, since device rows wake every process';

create table device_command (
    tenant_id int not null references tenant,
    id text not null,
    device text not null,
    name text not null,
    arguments jsonb not null default '{}',
    status text not null default 'queued' check (status in ('queued', 'sent', 'acknowledged', 'done', 'failed')),
    asked_by text not null,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    sent_at timestamptz,
    acknowledged_at timestamptz,
    answered_at timestamptz,
    answer text,
    primary key (tenant_id, id)
);
create index device_command_by_device on device_command (tenant_id, device, asked_at desc);
create index device_command_open on device_command (asked_at, id) where status in ('queued', 'sent');
comment on column device_command.status is 'how far it came. Open and past expires_at reads as expired; a late answer still counts';

create function device_commanded() returns trigger language plpgsql as $$
begin
    perform pg_notify('device_command', '');
    return null;
end $$;
create trigger device_commanded after insert on device_command for each statement execute function device_commanded();

do $$
declare
    name text;
begin
    foreach name in array array['device_certificate', 'device_seen', 'device_command']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
    end loop;
end $$;
grant select on device_certificate, device_seen to cityos_app;
grant select, insert on device_command to cityos_app;
