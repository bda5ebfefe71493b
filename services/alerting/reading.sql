-- name: gauges
with gauge as (
    select distinct on (entity_id) entity_id, profile
    from (
        select entity_id, profile, 0 as preference, id from device
        where entity_type = 'WaterObserved' and entity_id is not null and status = 'approved'
        union all
        select entity_id, null, 1, '' from gauge_state
    ) g
    order by entity_id, preference, id
)
select g.entity_id, g.profile::text as profile, s.rank, s.doubt_rank, s.trend, s.quality, s.steps::text as steps,
    s.silent_since, s.reasons, s.since, e.doc #>> '{waterLevel,value}' as level,
    e.doc #>> '{waterLevel,observedAt}' as observed_at, h.received_at, h.confirmed
from gauge g
left join gauge_state s on s.entity_id = g.entity_id
left join entity e on e.id = g.entity_id
left join lateral (
    select h.received_at, h.confirmed
    from series r join history h on h.series_id = r.id
    where r.entity_id = g.entity_id and r.attribute = 'waterLevel' and r.dataset_id = ''
        and h.at = (e.doc #>> '{waterLevel,observedAt}')::timestamptz
    order by h.version desc limit 1
) h on true
order by g.entity_id

-- name: gauge
select d.profile::text as profile, s.steps::text as steps
from (select $1::text as entity_id) g
left join lateral (
    select profile from device where entity_id = g.entity_id and entity_type = 'WaterObserved' order by id limit 1
) d on true
left join gauge_state s on s.entity_id = g.entity_id
where d.profile is not null or s.entity_id is not null

-- name: forecast
select (doc #> '{forecast,value}')::text from entity where id = replace($1, ':WaterObserved:', ':WaterLevelForecast:')

-- name: points
select distinct on (h.at) h.at, h.number as level, h.version, h.confirmed, q.quality, q.reasons
from series r
join history h on h.series_id = r.id
left join quality_mark q on q.entity_id = r.entity_id and q.at = h.at and q.version = h.version
where r.entity_id = $1 and r.attribute = 'waterLevel' and r.dataset_id = '' and r.unit_code in ('', 'MTR')
    and h.at >= $2 and h.at < $3 and h.number is not null
order by h.at, h.version desc

-- name: alerts
select body ->> 'shown' as shown, updated_at, ended_at, ended_by
from alert
where not $1 or ended_at is null
order by ended_at is not null, highest desc, updated_at desc
limit 500

-- name: cap
select cap from alert_message where id = $1

-- name: messages
select m.id, m.sent_at, m.headline, m.summary, a.mode
from alert_message m join alert a on a.id = m.alert_id
order by m.sent_at desc, m.number desc
limit 100

-- name: decisions
select entity_id, kind, at, stage_before, stage_after, why, mode, rules, inputs::text as inputs, made_at
from decision
where ($1::text is null or entity_id = $1) and at >= $2 and at < $3
order by at desc, id desc
limit 1000

-- name: clock
select at from city_clock limit 1
