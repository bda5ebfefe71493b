-- name: described
select type, title, title_en, description, owner, contact, license, area, marking, interval_s, keywords
from data_set order by type

-- name: put
insert into data_set (tenant_id, type, title, title_en, description, owner, contact, license, area, marking, interval_s,
    keywords, changed_by, changed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (tenant_id, type) do update set title = excluded.title, title_en = excluded.title_en,
    description = excluded.description, owner = excluded.owner, contact = excluded.contact, license = excluded.license,
    area = excluded.area, marking = excluded.marking, interval_s = excluded.interval_s, keywords = excluded.keywords,
    changed_by = excluded.changed_by, changed_at = excluded.changed_at

-- name: city
select title, local_government_code as code from tenant where id = current_setting('cityos.tenant_id')::int

-- name: figures
select e.first_type as type, count(*) as entities, min(e.created_at) as since, max(e.modified_at) as latest,
    count(*) filter (where e.modified_at > $3::timestamptz - make_interval(secs => 2.0 * i.seconds)) as fresh,
    min(e.lon) as west, min(e.lat) as south, max(e.lon) as east, max(e.lat) as north
from entity e left join unnest($1::text[], $2::int[]) as i (type, seconds) on i.type = e.first_type
group by e.first_type order by e.first_type

-- name: feeders
select entity_type as type, family, count(*) as devices from device
where entity_type is not null and status = 'approved' group by 1, 2 order by 1, 2

-- name: subscribers
select t.name as type, count(*) as subscriptions from subscription, unnest(types) as t (name)
where active and kind = 'entities' group by 1

-- name: delegated
select n.name as type, coalesce(nullif(t.title, ''), t.name) as reader
from delegation d join tenant t on t.id = d.reader, unnest(d.types) as n (name)
where d.tenant_id = current_setting('cityos.tenant_id')::int and d.revoked_at is null and d.since <= now()
    and (d.until is null or now() < d.until)

-- name: types
with recursive first (name) as (
    (select first_type from entity order by first_type limit 1)
    union all
    select (select first_type from entity where first_type > first.name order by first_type limit 1)
    from first where first.name is not null
)
select name as type from first where name is not null
