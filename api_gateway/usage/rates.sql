-- name: spend
insert into rate_left as r (tenant_id, client, per_second, burst, left_over, at)
select current_setting('cityos.tenant_id')::int, s.client, s.per_second, s.burst, s.burst - s.spent, clock_timestamp()
from unnest($1::text[], $2::float8[], $3::float8[], $4::float8[]) as s (client, per_second, burst, spent)
order by s.client
on conflict (tenant_id, client) do update set
    per_second = excluded.per_second, burst = excluded.burst, at = greatest(r.at, excluded.at),
    left_over = greatest(-excluded.burst, least(excluded.burst,
        r.left_over + excluded.per_second * greatest(0, extract(epoch from excluded.at - r.at)))
        - (excluded.burst - excluded.left_over))
returning client, left_over

-- name: forget
delete from rate_left where at < $1
