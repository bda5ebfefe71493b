-- name: documents
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps from entity where id = any($1::text[])

-- name: lock
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps from entity where id = any($1::text[])
order by id for update

-- name: filters
($2::text[] is null or id = any($2))
    and ($3::text is null or id ~ $3)
    and ($4::text[] is null or doc ?| $4)
    and ($5::text[] is null or type <@ $5)
    and not type && $6::text[]
    {more}

-- name: at_hand
(
    select id, string_to_array(types, ' ') as type, split_part(types, ' ', 1) as first_type, doc::jsonb as doc,
        stamps::jsonb as stamps, null::float8 as lon, null::float8 as lat, created_at, modified_at, true as shaped
    from unnest({0}::text[], {1}::text[], {2}::text[], {3}::text[], {4}::timestamptz[], {5}::timestamptz[])
        as d (id, types, doc, stamps, created_at, modified_at)
)

-- name: documents_ever
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps, deleted_at from entity_ever
where id = any($1::text[])

-- name: of_types
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps from (
    select e.* from unnest($1::text[]) as t (name) cross join lateral (
        select id, type, doc, created_at, modified_at, stamps from {entities} entity
        where first_type = t.name and {filters} order by id limit $7::int + $8::int
    ) e
    union all
    select * from (
        select id, type, doc, created_at, modified_at, stamps from {entities} entity
        where cardinality(type) > 1 and not first_type = any($1) and type && $1 and {filters}
        order by id limit $7::int + $8::int
    ) s
) found order by id limit $7::int offset $8::int

-- name: of_any_type
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps from {entities} entity
where $1::text[] is null and {filters} order by id limit $7::int offset $8::int

-- name: ordered
select id, type, doc::text as doc, created_at, modified_at, stamps::text as stamps from {entities} entity
where ($1::text[] is null or type && $1::text[]) and {filters} order by {order} limit $7::int offset $8::int

-- name: count_of_types
select (select count(*) from {entities} entity where first_type = any($1::text[]) and {filters})
    + (select count(*) from {entities} entity
       where cardinality(type) > 1 and not first_type = any($1) and type && $1 and {filters})

-- name: count_of_any_type
select count(*) from {entities} entity where $1::text[] is null and {filters}

-- name: types
with recursive first (name) as (
    (select first_type from {entities} entity order by first_type limit 1)
    union all
    select (select first_type from {entities} entity where first_type > first.name order by first_type limit 1)
    from first where first.name is not null
)
select name from first where name is not null
union
select unnest(type) from {entities} entity where cardinality(type) > 1
order by 1

-- name: devices
select id, family, kind, status, entity_id as "entityId", entity_type as "entityType", profile::text as profile,
    created_at as "createdAt", claimed_by as "claimedBy", claim_hash is not null as "waitsForClaim", certified,
    s.at as "lastSeen"
from device d left join device_seen s on s.tenant_id = d.tenant_id and s.device = d.id
where id > $1 and ($3::text is null or status = $3) order by id limit $2

-- name: candidates_of_any_type
select id, (doc -> {attribute})::text as value from {entities} entity where $1::text[] is null and {filters} order by id

-- name: candidates_of_types
select id, (doc -> {attribute})::text as value from {entities} entity
where (first_type = any($1::text[]) or (cardinality(type) > 1 and type && $1)) and {filters} order by id

-- name: placed_of_any_type
select id, jsonb_build_object('location', doc -> 'location', 'scope', doc -> 'scope')::text as value from {entities} entity
where $1::text[] is null and {filters} order by id

-- name: placed_of_types
select id, jsonb_build_object('location', doc -> 'location', 'scope', doc -> 'scope')::text as value from {entities} entity
where (first_type = any($1::text[]) or (cardinality(type) > 1 and type && $1)) and {filters} order by id

-- name: attributes
select first_type, type, a.key as name, a.kinds, count(*) as count
from {entities} entity cross join lateral (
    select key, array(
        select distinct i ->> 'type' from jsonb_array_elements(
            case jsonb_typeof(value) when 'array' then value else jsonb_build_array(value) end) i
    ) as kinds
    from jsonb_each(doc) where key not in ('id', 'type', 'scope')
) a
where $1::text is null or $1 = any(type)
group by 1, 2, 3, 4

-- name: count_of_type
select count(*) from entity where $1 = any(type)
