-- name: add
insert into usage (tenant_id, day, client, data, data_set, calls, refused, failed)
select current_setting('cityos.tenant_id')::int, u.*
from unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
    as u (day, client, data, data_set, calls, refused, failed)
on conflict (tenant_id, day, client, data, data_set) do update set calls = usage.calls + excluded.calls,
    refused = usage.refused + excluded.refused, failed = usage.failed + excluded.failed

-- name: report
select u.day, u.client, coalesce(c.name, '') as name, u.data, u.data_set, u.calls, u.refused, u.failed
from usage u left join oauth_client c on c.client_id = u.client
where u.day between $1 and $2
order by u.day, u.client, u.data, u.data_set

-- name: add_active
insert into active_user (tenant_id, month, client, who)
select current_setting('cityos.tenant_id')::int, u.* from unnest($1::date[], $2::text[], $3::bytea[]) as u (month, client, who)
on conflict do nothing

-- name: up
insert into up_hour as u (hour, minutes) values (date_trunc('hour', $1::timestamptz), 1::bigint << $2::int)
on conflict (hour) do update set minutes = u.minutes | excluded.minutes

-- name: quotas
select client, per_second, burst, per_month from quota order by client

-- name: put_quota
insert into quota (tenant_id, client, per_second, burst, per_month, changed_by, changed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6)
on conflict (tenant_id, client) do update set per_second = excluded.per_second, burst = excluded.burst,
    per_month = excluded.per_month, changed_by = excluded.changed_by, changed_at = excluded.changed_at

-- name: drop_quota
delete from quota where client = $1 returning client

-- name: month
select client, sum(calls - refused)::bigint as calls from usage where day >= $1 group by client

-- name: attempt
insert into attempt as a (address, left_over, at) values ($1, $3::float8 - 1, $4)
on conflict (address) do update set at = greatest(a.at, excluded.at), left_over = greatest(-1, least($3::float8,
    a.left_over + $2::float8 * greatest(0, extract(epoch from excluded.at - a.at))) - 1)
returning left_over >= 0

-- name: forget_attempts
delete from attempt where at < $1

-- name: takers
select u.client, coalesce(c.name, '') as name, u.data, u.data_set, sum(u.calls - u.refused)::bigint as calls
from usage u left join oauth_client c on c.client_id = u.client
where u.day >= $1 and u.data_set <> ''
group by 1, 2, 3, 4 having sum(u.calls - u.refused) > 0

-- name: months
select date_trunc('month', day)::date as month, sum(calls)::bigint as calls, sum(refused)::bigint as refused,
    sum(failed)::bigint as failed,
    count(distinct client) filter (where calls > refused and client not in ('anonymous', $3)) as services
from usage where day >= $1 and day < $2 group by 1 order by 1

-- name: services
select u.client, coalesce(c.name, '') as name, sum(u.calls - u.refused)::bigint as calls,
    array_remove(array_agg(distinct u.data_set), '') as "dataSets"
from usage u left join oauth_client c on c.client_id = u.client
where u.day >= $1 and u.day < $2 and u.client not in ('anonymous', $3)
group by 1, 2 having sum(u.calls - u.refused) > 0 order by 3 desc, 1

-- name: active
select month, client, count(*) as people from active_user where month >= $1 and month < $2 group by 1, 2

-- name: active_anywhere
select month, count(distinct who) as people from active_user where month >= $1 and month < $2 group by 1 order by 1

-- name: up_minutes
select coalesce(sum(bit_count(minutes::bit(64))), 0)::bigint as minutes, min(hour) as first from up_hour
where hour >= $1 and hour < $2

-- name: targets
select measure, target from usage_target where year = $1

-- name: put_target
insert into usage_target (tenant_id, year, measure, target) values (current_setting('cityos.tenant_id')::int, $1, $2, $3)
on conflict (tenant_id, year, measure) do update set target = excluded.target

-- name: revenue
select source, yen from revenue where year = $1 order by source

-- name: put_revenue
insert into revenue (tenant_id, year, source, yen, entered_by, entered_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)
on conflict (tenant_id, year, source) do update set yen = excluded.yen, entered_by = excluded.entered_by,
    entered_at = excluded.entered_at
