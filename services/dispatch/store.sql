-- name: stops
select id, name, longitude, latitude, closed_because, closed_by from bus_stop
where tenant_id = current_setting('cityos.tenant_id')::int and zone is null order by id
-- name: places
select id, name, longitude, latitude, closed_because, closed_by, zone from bus_stop
where tenant_id = current_setting('cityos.tenant_id')::int and zone is not null and id in (
    select unnest(array[origin, destination]) from ride_booking
    where tenant_id = current_setting('cityos.tenant_id')::int and day between $1 and $2)
order by id
-- name: add_place
insert into bus_stop (tenant_id, id, name, longitude, latitude, zone)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)
on conflict (tenant_id, id) do update set zone = excluded.zone, name = excluded.name
-- name: places_of
select id, name, longitude, latitude, closed_because, closed_by, zone
from bus_stop s join (
    select place, max(day) as last from ride_booking, unnest(array[origin, destination]) place
    where tenant_id = current_setting('cityos.tenant_id')::int and rider = $1 and day >= $2 group by place) used
    on used.place = s.id
where tenant_id = current_setting('cityos.tenant_id')::int and zone is not null order by last desc, id limit 20
-- name: zones
select id, name, border::text as border, door, walk from bus_zone
where tenant_id = current_setting('cityos.tenant_id')::int order by id
-- name: add_zone
insert into bus_zone (tenant_id, id, name, border, door, walk)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4, $5)
on conflict (tenant_id, id) do update
set name = excluded.name, border = excluded.border, door = excluded.door, walk = excluded.walk
-- name: drop_zone
delete from bus_zone where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 returning id
-- name: calendar
select rules::text as rules from bus_calendar where tenant_id = current_setting('cityos.tenant_id')::int
-- name: open_calendar
insert into bus_calendar (tenant_id) values (current_setting('cityos.tenant_id')::int) on conflict do nothing
-- name: hold_calendar
select rules::text as rules from bus_calendar where tenant_id = current_setting('cityos.tenant_id')::int for share
-- name: change_calendar
select rules::text as rules from bus_calendar where tenant_id = current_setting('cityos.tenant_id')::int for update
-- name: set_calendar
update bus_calendar set rules = $1::jsonb where tenant_id = current_setting('cityos.tenant_id')::int
-- name: booked_days
select day, count(*) as rides from ride_booking
where tenant_id = current_setting('cityos.tenant_id')::int and day >= $1 and state = 'booked' group by day order by day
-- name: vehicles
select id, name, seats, wheelchairs, depot, shift_from, shift_until, broken_because, breaks::text as breaks
from bus_vehicle where tenant_id = current_setting('cityos.tenant_id')::int order by id
-- name: open_day
insert into bus_day (tenant_id, day) values (current_setting('cityos.tenant_id')::int, $1) on conflict do nothing
-- name: lock_day
select revision, plan::text as plan from bus_day where tenant_id = current_setting('cityos.tenant_id')::int and day = $1 for update
-- name: read_day
select revision, plan::text as plan from bus_day where tenant_id = current_setting('cityos.tenant_id')::int and day = $1
-- name: save_day
update bus_day set plan = $2::jsonb, revision = revision + 1 where tenant_id = current_setting('cityos.tenant_id')::int and day = $1 and revision = $3
-- name: bookings
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and day = $1 order by booked_at, id
-- name: booking
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and id = $1
-- name: asked_as
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and asked_as = $1
-- name: add_booking
insert into ride_booking (tenant_id, id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until,
    arrive_by, state, asked_as, booked_at, changed_at, fare, payment, direct, series)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'booked', $11, $12, $12, $13, $14, $15, $16)
-- name: set_boarded
update ride_booking set vehicle = $2, boarded_at = $3 where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and boarded_at is null
-- name: set_alighted
update ride_booking set vehicle = $2, alighted_at = $3 where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and alighted_at is null
-- name: set_state
update ride_booking set state = $2, broken_because = $3, changed_at = $4 where tenant_id = current_setting('cityos.tenant_id')::int and id = $1
-- name: add_stop
insert into bus_stop (tenant_id, id, name, longitude, latitude, closed_because, closed_by)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6)
on conflict (tenant_id, id) do update
set name = excluded.name, longitude = excluded.longitude, latitude = excluded.latitude, closed_because = excluded.closed_because,
    closed_by = excluded.closed_by
-- name: add_vehicle
insert into bus_vehicle (tenant_id, id, name, seats, wheelchairs, depot, shift_from, shift_until, broken_because, breaks)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
on conflict (tenant_id, id) do update
set name = excluded.name, seats = excluded.seats, wheelchairs = excluded.wheelchairs, depot = excluded.depot,
    shift_from = excluded.shift_from, shift_until = excluded.shift_until, broken_because = excluded.broken_because,
    breaks = excluded.breaks
-- name: lock_booking_key
select pg_advisory_xact_lock(current_setting('cityos.tenant_id')::int, hashtext($1))
-- name: days_to_improve
select t.name as tenant, d.day from bus_day d join tenant t on t.id = d.tenant_id
where d.day between $1 and $2 order by d.day, t.name
-- name: series
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and series = $1 order by asked_as
-- name: same_ride
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and rider = $1 and day = $2 and origin = $3
    and destination = $4 and seats = $5 and wheelchairs = $6 and pickup_from < $8 and arrive_by > $7
    and state = 'booked' and alighted_at is null
order by pickup_from, id limit 1
-- name: bookings_of
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and rider = $1 and day >= $2 order by day, pickup_from, id limit 200
-- name: bookings_between
select id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, broken_because,
    fare, payment, direct, series, vehicle, boarded_at, alighted_at, breaches::text as breaches
from ride_booking where tenant_id = current_setting('cityos.tenant_id')::int and day between $1 and $2 order by day, pickup_from, id
-- name: plans_between
select day, plan::text as plan from bus_day where tenant_id = current_setting('cityos.tenant_id')::int and day between $1 and $2
-- name: repromise
update ride_booking set pickup_from = $2, pickup_until = $3, arrive_by = $4, direct = $5, breaches = $6::jsonb, changed_at = $7
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1
-- name: roads
select id, name, area, points::text as points, closed_because, closed_by from bus_road
where tenant_id = current_setting('cityos.tenant_id')::int and (closed_because is not null or not $1) order by id
-- name: add_road
insert into bus_road (tenant_id, id, name, area, points, closed_because, closed_by)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4::jsonb, $5, $6)
on conflict (tenant_id, id) do update
set name = excluded.name, area = excluded.area, points = excluded.points, closed_because = excluded.closed_because,
    closed_by = excluded.closed_by
-- name: drop_road
delete from bus_road where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 returning id
