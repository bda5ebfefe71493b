-- The buses' daily service: riders, fares, what drivers report, where vehicles are, what riders are told, closures.

alter table ride_booking
    add column fare int not null default 0 check (fare >= 0),
    add column payment text not null default 'cash' check (payment in ('cash', 'points')),
    add column direct float8 not null default 0,
    add column series text,
    add column vehicle text,
    add column boarded_at timestamptz,
    add column alighted_at timestamptz;
create index ride_booking_by_rider on ride_booking (tenant_id, rider, day);
comment on column ride_booking.fare is 'yen, for all who ride, as told when it was booked';
comment on column ride_booking.direct is 'minutes of the direct drive when it was booked: the measure of detours';
comment on column ride_booking.series is 'outward and return, or the days of a weekly ride, made by one request';
comment on column ride_booking.boarded_at is 'as the driver reported, by the tablet''s clock';

alter table bus_stop add column closed_by text;
comment on column bus_stop.closed_by is 'the gauge that closed it, and opens it again; null where a person did';

create table bus_rider (
    tenant_id int not null references tenant,
    id text not null,
    name text not null,
    kana text not null default '',
    phone text not null default '',
    mail text,
    wheelchairs int not null default 0 check (wheelchairs >= 0),
    home text,
    member boolean not null default false,
    note text not null default '',
    account text,
    changed_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, home) references bus_stop,
    unique (tenant_id, account)
);
create index bus_rider_by_phone on bus_rider (tenant_id, phone text_pattern_ops);
comment on table bus_rider is 'personal data: never in the open API';
comment on column bus_rider.phone is 'digits only';
comment on column bus_rider.account is 'the person''s account, where the rider books alone';

create table bus_fare (
    tenant_id int primary key references tenant,
    rules jsonb not null
);

create table bus_report (
    tenant_id int not null references tenant,
    id text not null,
    day date not null,
    vehicle text not null,
    booking text,
    what text not null check (what in ('arrived', 'boarded', 'alighted', 'no-show')),
    at timestamptz not null,
    heard_at timestamptz not null,
    primary key (tenant_id, id)
);
create index bus_report_by_day on bus_report (tenant_id, day, vehicle, at);
comment on column bus_report.id is 'made on the tablet: a report that is sent twice counts once';
comment on column bus_report.heard_at is 'later than `at` when the tablet was in a tunnel';

create table bus_position (
    tenant_id int not null references tenant,
    vehicle text not null,
    longitude float8 not null,
    latitude float8 not null,
    at timestamptz not null,
    doubted_longitude float8,
    doubted_latitude float8,
    doubted_at timestamptz,
    doubts int not null default 0,
    primary key (tenant_id, vehicle)
);
comment on column bus_position.doubts is 'places in a row that no bus could have reached; they are believed when they agree';

create table ride_notice (
    tenant_id int not null references tenant,
    id text not null,
    booking text not null,
    rider text not null,
    kind text not null check (kind in ('booked', 'cancelled', 'broken', 'no-show', 'reminder', 'near', 'late')),
    said text not null,
    at timestamptz not null,
    state text not null default 'new' check (state in ('new', 'mailed', 'call', 'done')),
    done_by text,
    done_at timestamptz,
    primary key (tenant_id, id)
);
create index ride_notice_open on ride_notice (tenant_id, at) where state in ('new', 'call');
comment on column ride_notice.state is 'call: the rider has no mail address, so somebody rings; done: somebody did';

create table bus_closure_rule (
    tenant_id int not null references tenant,
    gauge text not null,
    stage text not null,
    stops text[] not null default '{}',
    now text not null default 'unknown',
    primary key (tenant_id, gauge)
);
comment on table bus_closure_rule is 'which stops close when a gauge reaches a stage, and open again when it has fallen below';

create table bus_appointment (
    tenant_id int not null references tenant,
    source text not null,
    id text not null,
    rider text not null,
    asked jsonb not null,
    outward text,
    homeward text,
    changed_at timestamptz not null,
    primary key (tenant_id, source, id)
);
comment on column bus_appointment.asked is 'the appointment as it was told last: the same again changes nothing';

do $$
declare
    name text;
begin
    foreach name in array array['bus_rider', 'bus_fare', 'bus_report', 'bus_position', 'ride_notice', 'bus_closure_rule',
                                'bus_appointment']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
        execute format('grant select, insert, update on %I to cityos_app', name);
    end loop;
end $$;
