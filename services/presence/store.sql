-- name: become
select set_config('cityos.tenant_id', id::text, true) from tenant where name = $1

-- name: number
select id from tenant where name = $1

-- name: make_days
select tag_make_day($1, $2, day) from unnest($3::date[]) day

-- name: hear
insert into tag_flow (tenant_id, detector, decided, pseudonym)
select $1, * from unnest($2::text[], $3::timestamptz[], $4::text[])
on conflict do nothing

-- name: known
select a.epoch, a.pseudonym, a.tag_id
from unnest($2::int[], $3::text[]) as h (epoch, pseudonym)
join tag_alias a on a.tenant_id = $1 and a.epoch = h.epoch and a.pseudonym = h.pseudonym
join tag t on t.tenant_id = a.tenant_id and t.id = a.tag_id and t.ended_at is null

-- name: begin
insert into tag_presence (tenant_id, tag_id, settled, current)
select $1, id, $3::text::jsonb, $3::text::jsonb from unnest($2::text[]) id order by id
on conflict do nothing

-- name: lock
select tag_id, settled::text as settled, current::text as current from tag_presence
where tenant_id = $1 and tag_id = any($2::text[]) order by tag_id for update

-- name: day_before
select distinct on (d.tag_id) d.tag_id, d.day, d.state::text as state
from unnest($2::text[], $3::date[]) as w (tag_id, day)
join tag_day d on d.tenant_id = $1 and d.tag_id = w.tag_id and d.day <= w.day
order by d.tag_id, d.day desc

-- name: cells
select c.tag_id, c.body::text as body
from unnest($2::text[], $3::timestamptz[]) as w (tag_id, since)
join tag_cell c on c.tenant_id = $1 and c.tag_id = w.tag_id and c.decided >= w.since
order by c.tag_id, c.decided

-- name: save_cells
insert into tag_cell (tenant_id, tag_id, decided, detector, body)
select $1, t, d, n, b::jsonb from unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[]) as c (t, d, n, b)
on conflict (tenant_id, tag_id, decided, detector) do update set body = excluded.body

-- name: save
update tag_presence p set settled = s.settled::jsonb, current = s.current::jsonb
from unnest($2::text[], $3::text[], $4::text[]) as s (tag_id, settled, current)
where p.tenant_id = $1 and p.tag_id = s.tag_id

-- name: save_days
insert into tag_day (tenant_id, tag_id, day, state)
select $1, t, d, s::jsonb from unnest($2::text[], $3::date[], $4::text[]) as n (t, d, s)
on conflict (tenant_id, tag_id, day) do update set state = excluded.state

-- name: events_since
select e.tag_id, e.kind, e.place, e.at, e.decided, e.withdrawn_at
from unnest($2::text[], $3::int[]) as w (tag_id, decided)
join tag_event e on e.tenant_id = $1 and e.tag_id = w.tag_id and e.decided >= w.decided
where e.kind in ('enter', 'leave', 'spoofed', 'impossible-speed', 'battery-low')

-- name: note
insert into tag_event (tenant_id, tag_id, kind, place, at, decided, noted_at, told_at)
select $1, t, k, p, a, d, date_trunc('hour', $7::timestamptz), $8 from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[]) as e (t, k, p, a, d)
on conflict (tenant_id, tag_id, kind, place, at) do update set withdrawn_at = null, decided = excluded.decided
returning tag_id, kind, place, at, (xmax = 0) as new

-- name: withdraw
update tag_event e set withdrawn_at = $6
from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) as w (tag_id, kind, place, at)
where e.tenant_id = $1 and e.tag_id = w.tag_id and e.kind = w.kind and e.place = w.place and e.at = w.at

-- name: told_lately
select exists (
    select from tag_event where tenant_id = $1 and tag_id = $2 and kind = $3 and place = $4
        and at between $5::timestamptz - interval '10 minutes' and $5::timestamptz + interval '10 minutes' and at <> $5)

-- name: watched
select t.id, t.sealed, t.vendor,
    coalesce((select jsonb_object_agg(p.id, encode(p.sealed, 'base64')) from tag_place p
        where p.tenant_id = t.tenant_id and p.tag_id = t.id), '{}')::text as places,
    coalesce((select jsonb_agg(r.body) from tag_rule r
        where r.tenant_id = t.tenant_id and r.tag_id = t.id), '[]')::text as rules
from tag t where t.tenant_id = $1 and t.id = any($2::text[]) and t.ended_at is null

-- name: ruled
select n.name as tenant, n.id as tenant_id, p.tag_id, p.current::text as current
from tag_presence p join tenant n on n.id = p.tenant_id
join tag t on t.tenant_id = p.tenant_id and t.id = p.tag_id and t.ended_at is null
where exists (select from tag_rule r where r.tenant_id = p.tenant_id and r.tag_id = p.tag_id
    and r.body ->> 'kind' in ('unseen', 'not-arrived'))
order by p.tenant_id, p.tag_id

-- name: unaliased
select n.name as tenant, n.id as tenant_id, t.id, t.sealed
from tag t join tenant n on n.id = t.tenant_id
where t.ended_at is null and t.named_until is null and not exists (
    select from tag_alias a where a.tenant_id = t.tenant_id and a.tag_id = t.id and a.epoch = $1)
order by t.tenant_id, t.id limit 1000

-- name: rotating
select n.name as tenant, n.id as tenant_id, t.id, t.sealed, t.named_until
from tag t join tenant n on n.id = t.tenant_id
where t.ended_at is null and t.named_until < $1
order by t.named_until limit 200
for update of t skip locked

-- name: named_until
update tag set named_until = date_trunc('hour', $3::timestamptz) where tenant_id = $1 and id = $2

-- name: add_aliases
insert into tag_alias (tenant_id, epoch, pseudonym, tag_id, until)
select $1, e, p, $2, u from unnest($3::int[], $4::text[], $5::timestamptz[]) as n (e, p, u)
on conflict do nothing

-- name: drop_aliases
delete from tag_alias where tenant_id = $1 and until < $2

-- name: flows
with told as (
    insert into tag_told_hour (tenant_id, decided)
    select distinct tenant_id, decided from tag_flow where decided >= $1 and decided < $2
    on conflict do nothing returning tenant_id, decided)
select n.name as tenant, f.detector, f.decided, count(*)::int as people
from told join tag_flow f using (tenant_id, decided)
join tenant n on n.id = f.tenant_id
left join tag_open o on o.tenant_id = f.tenant_id
group by 1, 2, 3, o.flow_least having count(*) >= coalesce(o.flow_least, $3) order by 1, 2, 3

-- name: drop_told
delete from tag_told_hour where decided < $1

-- name: flow_least
insert into tag_open (tenant_id, flow_least) select id, $2 from tenant where name = $1
on conflict (tenant_id) do update set flow_least = excluded.flow_least returning tenant_id

-- name: drop_days
select tag_drop_days($1, $2, $3)

-- name: drop_events
delete from tag_event where tenant_id = $1 and at < $2

-- name: drop_checkpoints
delete from tag_day where tenant_id = $1 and day < $2

-- name: family
select $2::text as relative
union
select g.guardian from guardianship g
where g.tenant_id = $1 and g.child = $2 and g.ended_at is null and g.until > $3 and g.since <= $3
union
select c.recipient from consent c
where c.tenant_id = $1 and c.person = $2 and c.category = $4 and c.purpose = $5 and c.withdrawn_at is null
    and c.until > $3 and c.since <= $3
