-- name: rides
select id, day, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, booked_at
from ride_booking
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[]) order by day, pickup_from, id

-- name: forget
update ride_booking set rider = '', asked_as = null, changed_at = $4
where tenant_id = (select id from tenant where name = $1) and rider = any($2::text[])
    and (day < $3 or state <> 'booked')
