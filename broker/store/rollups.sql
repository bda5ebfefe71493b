-- name: fold
with gone as (
    delete from history_dirty
    where id in (select id from history_dirty order by id limit $1)
    returning series_ids, hours
), made as (
    insert into rollup_due (series_id, hour, tenant_id)
    select distinct u.series_id, u.hour, s.tenant_id
    from gone, unnest(gone.series_ids, gone.hours) as u (series_id, hour)
    join series s on s.id = u.series_id
    on conflict do nothing
)
select count(*) from gone

-- name: take
delete from rollup_due
where (hour, series_id) in (
    select hour, series_id from rollup_due where hour < $1 order by hour, series_id limit $2
)
returning series_id, hour, tenant_id

-- name: hours
with due as (
    select d.series_id, d.hour
    from unnest($1::bigint[], $2::timestamptz[], $3::int[]) as d (series_id, hour, tenant_id)
    join retention_of r on r.tenant_id = d.tenant_id and r.kind = 'history'
    where r.keep is null or d.hour >= $4::timestamptz - r.keep
        or not exists (select from history_hour o where o.series_id = d.series_id and o.start = d.hour)
), bucket as (
    select b.* from due d cross join lateral history_bucket(d.series_id, d.hour) b
), emptied as (
    delete from history_hour o using due d
    where o.series_id = d.series_id and o.start = d.hour
        and not exists (select from bucket b where b.series_id = d.series_id and b.start = d.hour)
)
insert into history_hour (series_id, start, tenant_id, total, count, sum, sumsq, spread, min, max, first, last)
select series_id, start, tenant_id, total, count, sum, sumsq, spread, min, max, first, last from bucket
on conflict (series_id, start) do update set total = excluded.total, count = excluded.count, sum = excluded.sum,
    sumsq = excluded.sumsq, spread = excluded.spread, min = excluded.min, max = excluded.max, first = excluded.first,
    last = excluded.last

-- name: days
with due as (
    select distinct d.series_id, date_trunc('day', d.hour, 'Asia/Tokyo') as day
    from unnest($1::bigint[], $2::timestamptz[]) as d (series_id, hour)
), hours as (
    select d.day, h.*, sum(h.sum) over bucket / nullif(sum(h.count) over bucket, 0) as mean
    from due d
    join history_hour h on h.series_id = d.series_id and h.start >= d.day and h.start < d.day + interval '1 day'
    window bucket as (partition by d.series_id, d.day)
), bucket as (
    select series_id, day, tenant_id, sum(total)::int as total, sum(count)::int as count, sum(sum) as sum,
        sum(sumsq) as sumsq, sum(spread + count * (sum / nullif(count, 0) - mean) ^ 2) as spread,
        min(min) as min, max(max) as max,
        (array_agg(first order by start) filter (where first is not null))[1] as first,
        (array_agg(last order by start desc) filter (where last is not null))[1] as last
    from hours group by series_id, day, tenant_id
), emptied as (
    delete from history_day o using due d
    where o.series_id = d.series_id and o.start = d.day
        and not exists (select from bucket b where b.series_id = d.series_id and b.day = d.day)
)
insert into history_day (series_id, start, tenant_id, total, count, sum, sumsq, spread, min, max, first, last)
select series_id, day, tenant_id, total, count, sum, sumsq, spread, min, max, first, last from bucket
on conflict (series_id, start) do update set total = excluded.total, count = excluded.count, sum = excluded.sum,
    sumsq = excluded.sumsq, spread = excluded.spread, min = excluded.min, max = excluded.max, first = excluded.first,
    last = excluded.last

-- name: read_stale
select hour from rollup_due where series_id = $1 and hour >= $2 and hour < $3 order by hour

-- name: read_hours
select start, total, count, sum, sumsq, spread, min, max, first, last
from history_hour where series_id = $1 and start >= $2 and start < $3 and start <> all ($4::timestamptz[])
union all
select b.start, b.total, b.count, b.sum, b.sumsq, b.spread, b.min, b.max, b.first, b.last
from unnest($4::timestamptz[]) as s (hour) cross join lateral history_bucket($1, s.hour) b
order by start

-- name: read_days
select start, total, count, sum, sumsq, spread, min, max, first, last
from history_day where series_id = $1 and start >= $2 and start < $3 and start <> all ($4::timestamptz[])
order by start
