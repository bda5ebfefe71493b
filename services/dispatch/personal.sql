-- name: own
select id from bus_rider where tenant_id = (select id from tenant where name = $1) and account = $2

-- name: riders
select id, name, kana, phone, mail, wheelchairs, home, member, note, account, changed_at from bus_rider
where tenant_id = (select id from tenant where name = $1) and id = any($2::text[]) order by id

-- name: rides
select id, rider, day, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, fare, payment,
    state, boarded_at, alighted_at, breaches::text as breaches, booked_at
from ride_booking
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[]) order by day, pickup_from, id

-- name: places
select id, name, longitude, latitude from bus_stop
where tenant_id = (select id from tenant where name = $1) and zone is not null and id in (
    select unnest(array[origin, destination]) from ride_booking
    where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[]))
order by id

-- name: told
select kind, said, at from ride_notice
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[]) order by at, id

-- name: appointments
select source, id, asked::text as asked, changed_at from bus_appointment
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[]) order by changed_at, source, id

-- name: forget_ends
update ride_booking b set
    origin = coalesce((select nearest.id from bus_stop place, lateral (
        select s.id from bus_stop s where s.tenant_id = place.tenant_id and s.zone is null
        order by (s.longitude - place.longitude) ^ 2 + (s.latitude - place.latitude) ^ 2, s.id limit 1) nearest
        where place.tenant_id = b.tenant_id and place.id = b.origin and place.zone is not null), origin),
    destination = coalesce((select nearest.id from bus_stop place, lateral (
        select s.id from bus_stop s where s.tenant_id = place.tenant_id and s.zone is null
        order by (s.longitude - place.longitude) ^ 2 + (s.latitude - place.latitude) ^ 2, s.id limit 1) nearest
        where place.tenant_id = b.tenant_id and place.id = b.destination and place.zone is not null), destination)
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])
    and (day < $3 or state = 'cancelled')

-- name: forget_places
delete from bus_stop place
where tenant_id = (select id from tenant where name = $1) and zone is not null and id = any($2::text[])
    and not exists (select from ride_booking b where b.tenant_id = place.tenant_id and place.id in (b.origin, b.destination))

-- name: forget_rides
update ride_booking set rider = '', asked_as = null, changed_at = $4
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])
    and (day < $3 or state <> 'booked')

-- name: coming
select count(*) from ride_booking
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])

-- name: forget_riders
update bus_rider set name = '', kana = '', phone = '', mail = null, wheelchairs = 0, home = null, member = false,
    note = '', account = null, changed_at = $3
where tenant_id = (select id from tenant where name = $1) and id = any($2::text[])

-- name: noticed
select id from ride_notice
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])

-- name: forget_told
update ride_notice set rider = '', said = '', state = 'done'
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])

-- name: forget_appointments
update bus_appointment set rider = '', asked = '{}', changed_at = $3
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])
