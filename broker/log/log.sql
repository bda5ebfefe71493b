-- name: append
select log_append($1, $2, $3, $4, $5)

-- name: partitions
select max(partitions) from log_partition where topic = $1

-- name: ends
select partition, next from log_partition where topic = $1

-- name: fetch
-- From each partition wanted its next rows, until they fill its share of the budget. The group's generation comes
-- along, also when there is no record, so that a change of members is noticed without asking for it.
select g.generation, b.partition, b.last_offset - b.count + 1 as first_offset, b.appended_at, b.records
from log_group g
left join lateral (
    select batch.*
    from unnest($3::int[], $4::bigint[]) as wanted (partition, at)
    cross join lateral (
        select r.*, sum(octet_length(r.records)) over (order by r.last_offset) - octet_length(r.records) as before
        from (
            select * from log_batch l
            where l.topic = $2 and l.partition = wanted.partition and l.last_offset >= wanted.at
            order by l.last_offset limit 500
        ) r
    ) batch
    where batch.before < $5
) b on true
where g.consumer = $1 and g.topic = $2
order by b.partition, b.last_offset

-- name: read
select first_offset, appended_at, records
from (
    select l.*, sum(l.wanted) over (order by l.last_offset) - l.wanted as before
    from (
        select last_offset, last_offset - count + 1 as first_offset, appended_at, records,
            least(count, last_offset - $3::bigint + 1) as wanted
        from log_batch
        where topic = $1 and partition = $2 and last_offset >= $3
        order by last_offset limit $4::bigint
    ) l
) r
where before < $4
order by last_offset

-- name: offsets_at
select h.partition, coalesce(b.first_offset, h.next) as at
from log_partition h
left join lateral (
    select last_offset - count + 1 as first_offset from log_batch l
    where l.topic = h.topic and l.partition = h.partition and l.appended_at >= $2
    order by l.appended_at, l.last_offset limit 1
) b on true
where h.topic = $1

-- name: trim
-- A bounded slice from the old end of each partition; again until it returns 0.
with old as (
    select b.topic, b.partition, b.last_offset
    from log_partition h
    cross join lateral (
        select * from log_batch l
        where l.topic = h.topic and l.partition = h.partition and l.appended_at < $2
        order by l.appended_at limit 200
    ) b
    where h.topic = $1
), gone as (
    delete from log_batch l using old
    where l.topic = old.topic and l.partition = old.partition and l.last_offset = old.last_offset
    returning l.count
)
select coalesce(sum(count), 0)::bigint from gone
