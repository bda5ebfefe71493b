-- A record that was set aside may be given up by a person: it moves here whole, with who, when and why, and stays.
create table discarded_record (
    id bigint primary key,
    consumer text not null,
    topic text not null,
    partition int not null,
    log_offset bigint not null,
    key bytea not null,
    value bytea not null,
    error text not null,
    attempts int not null,
    parked_at timestamptz not null,
    reason text not null check (length(reason) between 5 and 1000),
    discarded_by text not null check (discarded_by <> ''),
    discarded_at timestamptz not null
);
comment on table discarded_record is
    'records that were set aside and then given up by a person; what they held is counted as discarded in account';
grant select, insert on discarded_record to cityos_system;
comment on table account is
    'per device and UTC day of arrival: received, stored, duplicate, rejected:REASON and discarded. received is counted from '
    'the log''s records, the others from what the database did; received = stored + duplicate + rejected + discarded';
