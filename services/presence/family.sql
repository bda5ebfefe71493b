-- name: add
insert into tag (tenant_id, id, vendor, code, person, sealed, registered_at, keyed)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, date_trunc('day', $6::timestamptz), true)
on conflict do nothing returning id

-- name: add_aliases
insert into tag_alias (tenant_id, epoch, pseudonym, tag_id, until)
select current_setting('cityos.tenant_id')::int, e, p, $1, u
from unnest($2::int[], $3::text[], $4::timestamptz[]) as n (e, p, u)
on conflict do nothing

-- name: named_until
update tag set named_until = date_trunc('hour', $2::timestamptz) where id = $1

-- name: of_person
select id, vendor, sealed, registered_at from tag where person = $1 and ended_at is null order by registered_at, id

-- name: number
select current_setting('cityos.tenant_id')::int

-- name: current
select current::text as current from tag_presence where tag_id = $1

-- name: add_place
insert into tag_place (tenant_id, id, tag_id, sealed) values (current_setting('cityos.tenant_id')::int, $1, $2, $3)

-- name: count_places
select count(*) from tag_place where tag_id = $1

-- name: remove_place
delete from tag_place where tag_id = $1 and id = $2 returning id

-- name: forget_rules_of_place
delete from tag_rule where tag_id = $1 and body ->> 'place' = $2

-- name: clear_rules
delete from tag_rule where tag_id = $1

-- name: add_rules
insert into tag_rule (tenant_id, id, tag_id, body)
select current_setting('cityos.tenant_id')::int, i, $1, b::jsonb from unnest($2::text[], $3::text[]) as r (i, b)

-- name: events
select kind, place, at, withdrawn_at from tag_event where tag_id = $1 and at >= $2 and at < $3 order by at, kind limit 1000

-- name: checkpoint
select state::text as state from tag_day where tag_id = $1 and day <= $2 order by day desc limit 1

-- name: cells
select body::text as body from tag_cell where tag_id = $1 and decided >= $2 and decided < $3 order by decided, detector limit 20000

-- name: forget
delete from tag where id = $1

-- name: forget_cells
delete from tag_cell where tag_id = $1

-- name: search_of
select id, reported_at, opened_at, until from tag_search where tag_id = $1 and closed_at is null

-- name: forget_searches
delete from tag_search where tag_id = $1

-- name: days
select distinct (at at time zone 'Asia/Tokyo')::date as day from (
    select decided as at from tag_cell where tag_id = $1
    union all
    select at from tag_event where tag_id = $1
) kept order by day
