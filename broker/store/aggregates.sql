-- name: extent
with kept as (
    select min(f.at) as first, max(l.at) as last
    from unnest($1::bigint[]) as s (id)
    cross join lateral (
        select at from history where series_id = s.id and at >= $2 and at < $3 order by at limit 1) f
    cross join lateral (
        select at from history where series_id = s.id and at >= $2 and at < $3 order by at desc limit 1) l
), rolled as (
    select min(start) as first, max(start) as last from history_hour, kept
    where series_id = any($1::bigint[]) and start >= $2 and start < $3
        and start + interval '1 hour' <= coalesce(kept.first, 'infinity')
)
select least(kept.first, rolled.first) as first, coalesce(kept.last, rolled.last) as last from kept, rolled

-- name: extent_in_snapshot
select min(at) as first, max(at) as last from snapshot_history
where series_id = any($1::bigint[]) and at >= $2 and at < $3

-- name: stale
select series_id, hour from history_stale($1::bigint[]) where hour >= $2 and hour < $3

-- name: whole
$4::timestamptz

-- name: by_time
date_bin($5::interval, at, $4::timestamptz)

-- name: by_calendar
coalesce(($5::timestamptz[])[width_bucket(at, $5::timestamptz[])], $4::timestamptz)

-- name: of_history
select series_id, {bucket} as start, count(*)::int as total, count(n)::int as count, sum(n) as sum,
    sum(n * n) as sumsq, var_pop(n) * count(n) as spread, min(n) as min, max(n) as max,
    min(t collate "C") as least, max(t collate "C") as most, {distinct} as distinct
from (
    select distinct on (h.series_id, h.at) h.series_id, h.at,
        case when h.value is null then h.number else coalesce(h.number, case jsonb_typeof(h.value -> 'value')
            when 'boolean' then (h.value -> 'value')::boolean::int::float8
            when 'number' then case when abs((h.value -> 'value')::numeric) between 1e-100 and 1e100
                then (h.value ->> 'value')::float8 end
            when 'array' then jsonb_array_length(h.value -> 'value')::float8 end) end as n,
        case when jsonb_typeof(h.value -> 'value') = 'string' then h.value ->> 'value' end as t,
        h.value as v
    from {history} h
    where h.series_id = any($1::bigint[]) and h.at >= $2 and h.at < $3
    order by h.series_id, h.at, h.version desc
) i
group by 1, 2 order by 1, 2 limit $6

-- name: distinct
count(distinct coalesce(case when v is null then to_jsonb(n) end, v -> 'value', v -> 'object', v -> 'languageMap',
        v -> 'vocab', v -> 'json', v -> 'valueList', v -> 'objectList'))::int

-- name: not_distinct
null::int

-- name: of_rollups
with piece as (
    select series_id, start as at, total, count, sum, sumsq, spread, min, max from {rollup} r
    where series_id = any($1::bigint[]) and start >= $2 and start < $3 and not exists (
        select from unnest($7::bigint[], $8::timestamptz[]) as d (series_id, start)
        where d.series_id = r.series_id and d.start = r.start)
    union all
    select d.series_id, d.start, b.*
    from unnest($7::bigint[], $8::timestamptz[], $9::timestamptz[]) as d (series_id, start, until)
    cross join lateral (
        select count(*)::int as total, count(v.number)::int as count, sum(v.number) as sum,
            sum(v.number * v.number) as sumsq, var_pop(v.number) * count(v.number) as spread,
            min(v.number) as min, max(v.number) as max
        from (
            select distinct on (h.at) h.at, h.number from history h
            where h.series_id = d.series_id and h.at >= d.start and h.at < d.until order by h.at, h.version desc
        ) v
    ) b where b.total > 0
), part as (
    select *, {bucket} as bucket_start, sum(sum) over bucket / nullif(sum(count) over bucket, 0) as mean
    from piece window bucket as (partition by series_id, {bucket})
)
select series_id, bucket_start as start, sum(total)::int as total, sum(count)::int as count, sum(sum) as sum,
    sum(sumsq) as sumsq, sum(spread + count * (sum / nullif(count, 0) - mean) ^ 2) as spread, min(min) as min,
    max(max) as max, null::text as least, null::text as most, null::int as distinct
from part group by 1, 2 order by 1, 2 limit $6
