-- name: become
select set_config('cityos.tenant_id', (select id::text from tenant where name = $1), true)

-- name: tenant
select name, title, local_government_code from tenant where id = current_setting('cityos.tenant_id')::int

-- name: gauges
select distinct entity_id from device
where tenant_id = current_setting('cityos.tenant_id')::int and entity_type = 'WaterObserved' and entity_id is not null

-- name: sources
select distinct entity_id from device
where tenant_id = current_setting('cityos.tenant_id')::int and entity_id is not null
    and entity_type in ('WeatherObserved', 'DamObserved', 'FloodNotice')

-- name: around
select w.id, coalesce(e.type[1], d.entity_type) as type, coalesce(e.doc, '{}')::text as doc
from unnest($1::text[]) as w (id)
left join entity e on e.tenant_id = current_setting('cityos.tenant_id')::int and e.id = w.id
left join lateral (
    select entity_type from device
    where tenant_id = current_setting('cityos.tenant_id')::int and entity_id = w.id order by id limit 1
) d on true
where e.id is not null or d.entity_type is not null
order by w.id

-- name: districts
select body::text as body from district where tenant_id = current_setting('cityos.tenant_id')::int order by position, id

-- name: districts_of
select body::text as body from district
where tenant_id = current_setting('cityos.tenant_id')::int and gauges && $1::text[] order by position, id

-- name: forget_districts
delete from district where tenant_id = current_setting('cityos.tenant_id')::int and id <> all($1::text[])

-- name: save_district
insert into district (tenant_id, id, position, gauges, body)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4::jsonb)
on conflict (tenant_id, id) do update set position = excluded.position, gauges = excluded.gauges, body = excluded.body

-- name: signs
select w.id as gauge, f.doc::text as assessed, o.doc #>> '{waterLevel,value}' as level,
    o.doc #>> '{waterLevel,observedAt}' as observed_at, (a.doc #> '{forecast,value}')::text as ahead
from unnest($1::text[]) as w (id)
left join entity f on f.tenant_id = current_setting('cityos.tenant_id')::int
    and f.id = replace(w.id, ':WaterObserved:', ':FloodMonitoring:')
left join entity a on a.tenant_id = current_setting('cityos.tenant_id')::int
    and a.id = replace(w.id, ':WaterObserved:', ':WaterLevelForecast:')
left join entity o on o.tenant_id = current_setting('cityos.tenant_id')::int and o.id = w.id

-- name: proposals
select district_id, level, body::text as body, observed_at, since, answered_by, answered_at, escalated_at, raised
from evacuation_proposal where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1

-- name: proposal_level
select level from evacuation_proposal
where tenant_id = current_setting('cityos.tenant_id')::int and district_id = $1 and mode = $2 for update

-- name: save_proposal
insert into evacuation_proposal as p (tenant_id, district_id, mode, level, body, observed_at, since, made_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4::jsonb, $5, $6, $6)
on conflict (tenant_id, district_id, mode) do update set
    level = excluded.level, body = excluded.body, observed_at = excluded.observed_at, made_at = excluded.made_at,
    since = case when p.level = excluded.level then p.since else excluded.since end,
    answered_by = case when excluded.level <= p.level then p.answered_by end,
    answered_at = case when excluded.level <= p.level then p.answered_at end,
    escalated_at = case when excluded.level <= p.level then p.escalated_at end,
    raised = case when excluded.level <= p.level then p.raised else 0 end

-- name: answer
update evacuation_proposal set answered_by = $3, answered_at = $4
where tenant_id = current_setting('cityos.tenant_id')::int and district_id = any($1::text[]) and mode = $2
    and answered_at is null and level > 0
returning district_id, level

-- name: unanswered
select t.name as tenant, p.district_id, p.level, d.body ->> 'name' as name, p.since, p.raised + 1 as step
from evacuation_proposal p join tenant t on t.id = p.tenant_id
join district d on d.tenant_id = p.tenant_id and d.id = p.district_id
where p.mode = $1 and p.level > 0 and p.answered_at is null and p.since > $4
    and case p.raised when 0 then p.since <= $2 else p.escalated_at <= $3 end
order by t.name, p.district_id limit 100
for update of p skip locked

-- name: unconfirmed
select t.name as tenant, o.body::text as body, o.words::text as words, o.raised + 1 as step
from evacuation_order o join tenant t on t.id = o.tenant_id
where o.mode = $1 and o.state = 'waiting' and o.waiting_since > $4
    and case o.raised when 0 then o.waiting_since <= $2 else o.raised_at <= $3 end
order by t.name, o.number limit 100
for update of o skip locked

-- name: present
select max(observed_at) from evacuation_proposal
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1

-- name: escalate
update evacuation_proposal set escalated_at = $3, raised = raised + 1
where tenant_id = current_setting('cityos.tenant_id')::int and district_id = $1 and mode = $2

-- name: raise_order
update evacuation_order set raised_at = $2, raised = raised + 1
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: open_standing
insert into evacuation_standing (tenant_id, district_id, mode)
select current_setting('cityos.tenant_id')::int, id, $2 from unnest($1::text[]) as w (id) order by id
on conflict do nothing

-- name: lock_standing
select district_id, level, order_id, revision from evacuation_standing
where tenant_id = current_setting('cityos.tenant_id')::int and district_id = any($1::text[]) and mode = $2
order by district_id for update

-- name: standing
select district_id, level, order_id, revision from evacuation_standing
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1

-- name: set_standing
update evacuation_standing set level = $3, order_id = $4, revision = revision + 1
where tenant_id = current_setting('cityos.tenant_id')::int and district_id = $1 and mode = $2

-- name: lock_orders
select pg_advisory_xact_lock(hashtextextended('evacuation_order:' || current_setting('cityos.tenant_id'), 0))

-- name: next_number
select coalesce(max(number), 0) + 1 from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1

-- name: order
select body::text as body, wish::text as wish, evidence::text as evidence, words::text as words from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: lock_order
select body::text as body, wish::text as wish from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 for update

-- name: orders
select body::text as body, words::text as words, raised, raised_at from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1
order by asked_at desc, number desc limit $2

-- name: save_order
insert into evacuation_order (tenant_id, id, number, mode, state, body, wish, evidence, words, cap, asked_at, issued_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5::jsonb, $6::jsonb, $7::jsonb, $8::jsonb, $9, $10, $11)
on conflict (tenant_id, id) do update set state = excluded.state, body = excluded.body, evidence = excluded.evidence,
    words = excluded.words, cap = excluded.cap, issued_at = excluded.issued_at

-- name: in_force
select distinct o.body::text as body, o.words::text as words, o.issued_at
from evacuation_standing s join evacuation_order o on o.tenant_id = s.tenant_id and o.id = s.order_id
where s.tenant_id = current_setting('cityos.tenant_id')::int and s.mode = 'actual' and s.level > 0
order by o.issued_at desc

-- name: cap
select cap from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and number = $1 and mode = 'actual' and state = 'issued'

-- name: public_orders
select body::text as body, words::text as words from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and mode = 'actual' and state = 'issued'
order by number desc limit 100

-- name: note
insert into evacuation_record (tenant_id, at, city_at, mode, kind, actor, actor_name, districts, text, detail)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)

-- name: record
select id, at, city_at, kind, actor, actor_name, districts, text, detail::text as detail from evacuation_record
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1 and at >= $2 and at < $3
order by id desc limit $4

-- name: progress
select s.channel, d.state, count(*) as count
from delivery d join subscriber s on s.id = d.subscriber_id
where d.tenant_id = current_setting('cityos.tenant_id')::int and d.notice_id = $1
group by s.channel, d.state order by s.channel, d.state

-- name: stages
select replace(s.entity_id, ':FloodMonitoring:', ':WaterObserved:') as gauge, h.at, h.value ->> 'value' as stage
from series s join history h on h.series_id = s.id
where s.tenant_id = current_setting('cityos.tenant_id')::int and s.attribute = 'stage' and s.dataset_id = ''
    and s.entity_id = any($1::text[]) and h.at >= $2 and h.at < $3
order by h.at, h.version

-- name: proposed_between
select city_at, districts, (detail ->> 'level')::int as level from evacuation_record
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1 and kind = 'proposed'
    and city_at >= $2 and city_at < $3
order by city_at, id limit $4

-- name: proposed_before
select city_at, districts, (detail ->> 'level')::int as level from evacuation_record
where tenant_id = current_setting('cityos.tenant_id')::int and kind = 'proposed' and city_at < $1
order by city_at desc, id desc limit $2

-- name: orders_between
select body::text as body from evacuation_order
where tenant_id = current_setting('cityos.tenant_id')::int and mode = $1 and state = 'issued'
    and issued_at >= $2 and issued_at < $3
order by number limit $4
