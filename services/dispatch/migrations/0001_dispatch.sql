-- Demand-responsive buses: stops, vehicles, bookings with what was promised, and each day's plan.

create table bus_stop (
    tenant_id int not null references tenant,
    id text not null,
    name text not null,
    longitude float8 not null check (longitude between -180 and 180),
    latitude float8 not null check (latitude between -90 and 90),
    closed_because text,
    primary key (tenant_id, id)
);
comment on column bus_stop.closed_because is 'why nobody gets on or off here now (a flood, works); null while it is open';

create table bus_vehicle (
    tenant_id int not null references tenant,
    id text not null,
    name text not null,
    seats int not null check (seats >= 0),
    wheelchairs int not null check (wheelchairs >= 0),
    depot text not null,
    shift_from float8 not null,
    shift_until float8 not null check (shift_until > shift_from),
    broken_because text,
    primary key (tenant_id, id),
    foreign key (tenant_id, depot) references bus_stop
);
comment on column bus_vehicle.shift_from is 'minutes after midnight in Japan, as are all minutes here';

create table bus_day (
    tenant_id int not null references tenant,
    day date not null,
    revision int not null default 0,
    plan jsonb not null default '{}',
    primary key (tenant_id, day)
);
comment on table bus_day is 'who drives what; locked while a promise is made, so that the last seat is promised once';
comment on column bus_day.revision is 'advances with every plan: an improvement of an older one is dropped';

create table ride_booking (
    tenant_id int not null references tenant,
    id text not null,
    day date not null,
    rider text not null,
    origin text not null,
    destination text not null,
    seats int not null check (seats >= 0),
    wheelchairs int not null check (wheelchairs >= 0),
    pickup_from float8 not null,
    pickup_until float8 not null check (pickup_until >= pickup_from),
    arrive_by float8 not null,
    state text not null check (state in ('booked', 'cancelled', 'no-show', 'broken')),
    broken_because text,
    asked_as text,
    booked_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, origin) references bus_stop,
    foreign key (tenant_id, destination) references bus_stop,
    unique (tenant_id, asked_as),
    check (seats + wheelchairs > 0),
    check ((state = 'broken') = (broken_because is not null))
);
create index ride_booking_by_day on ride_booking (tenant_id, day);
comment on table ride_booking is 'personal data: never in the open API';
comment on column ride_booking.asked_as is 'the caller''s own key of the request: the same key again is the same booking';
comment on column ride_booking.broken_because is 'the breakdown or closure that broke the promise; there is no other reason';

do $$
declare
    name text;
begin
    foreach name in array array['bus_stop', 'bus_vehicle', 'bus_day', 'ride_booking']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert, update, delete on %I to cityos_system', name);
        execute format('grant select, insert, update on %I to cityos_app', name);
    end loop;
end $$;
