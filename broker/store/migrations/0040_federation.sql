-- Context sources elsewhere: who hears of a changed registration, what came of asking, and who we are to other brokers.

alter table registration
    add column times_sent bigint not null default 0,
    add column times_failed bigint not null default 0,
    add column last_success timestamptz,
    add column last_failure timestamptz;
comment on column registration.times_sent is 'requests forwarded to the source, those that failed among them';

create function registration_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('registration', '');
    return null;
end $$;
create trigger registration_changed after insert or update of doc or delete on registration
    for each statement execute function registration_changed();

create table broker_identity (
    only_one boolean primary key default true check (only_one),
    id uuid not null default gen_random_uuid()
);
comment on table broker_identity is 'by what other brokers know this one again, so that requests do not go in circles';
insert into broker_identity default values;
grant select on broker_identity to cityos_app, cityos_system;
