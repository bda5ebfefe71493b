-- name: tenants
select t.id, t.name, t.local_government_code, coalesce(max(r.number), 0) as number
from tenant t left join rule_set r on r.tenant_id = t.id
where t.name = any($1::text[])
group by t.id

-- name: rules
select document::text as document from rule_set where tenant_id = $1 and number = $2

-- name: newest_rules
select number, digest from rule_set where tenant_id = $1 order by number desc limit 1

-- name: add_rules
insert into rule_set (tenant_id, number, digest, document, created_by)
values ($1, $2, $3, $4::jsonb, $5)

-- name: gauges
select w.entity_id, d.profile::text as profile, s.state::text as state, s.revision, s.observed_at, s.rules,
    s.steps::text as steps
from unnest($2::text[]) as w (entity_id)
left join lateral (
    select profile from device
    where tenant_id = $1 and entity_id = w.entity_id
    order by kind, id limit 1
) d on true
left join gauge_state s on s.tenant_id = $1 and s.entity_id = w.entity_id

-- name: history
select w.entity_id, h.at, h.version, h.number, h.received_at, coalesce(h.value ? 'instanceId', false) as by_hand
from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) as w (entity_id, after, until)
join series s on s.tenant_id = $1 and s.entity_id = w.entity_id and s.attribute = 'waterLevel'
    and s.dataset_id = '' and s.unit_code in ('', 'MTR')
join history h on h.series_id = s.id and h.at > w.after and h.at <= w.until
where h.number is not null
order by h.at, h.version

-- name: save
insert into gauge_state (tenant_id, entity_id, river, rank, doubt_rank, trend, quality, reasons, level, observed_at,
    since, silent_from, steps, state, rules, revision)
select $1, entity_id, river, rank, doubt_rank, trend, quality, string_to_array(reasons, ' '), level, observed_at,
    since, silent_from, steps::jsonb, state::jsonb, rules, revision
from unnest($2::text[], $3::text[], $4::smallint[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::float8[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::int[])
    as g (entity_id, river, rank, doubt_rank, trend, quality, reasons, level, observed_at, since, silent_from, steps,
        state, rules, revision)
on conflict (tenant_id, entity_id) do update set
    river = excluded.river, rank = excluded.rank, doubt_rank = excluded.doubt_rank, trend = excluded.trend,
    quality = excluded.quality, reasons = excluded.reasons, level = excluded.level,
    observed_at = excluded.observed_at, since = excluded.since, silent_from = excluded.silent_from,
    steps = excluded.steps, state = excluded.state, rules = excluded.rules, revision = excluded.revision
where gauge_state.revision = excluded.revision - 1

-- name: returned
update gauge_state set silent_since = null
where silent_since is not null and tenant_id = $1 and entity_id = any($2::text[])
returning entity_id

-- name: silent
select entity_id from gauge_state where tenant_id = $1 and entity_id = any($2::text[]) and silent_since is not null

-- name: decisions
insert into decision (tenant_id, entity_id, kind, at, stage_before, stage_after, why, mode, rules, inputs, made_at)
select $1, entity_id, kind, at, stage_before, stage_after, why, $2, rules, inputs::jsonb, $3
from unnest($4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
    as d (entity_id, kind, at, stage_before, stage_after, why, rules, inputs)

-- name: marks
insert into quality_mark (tenant_id, entity_id, at, version, quality, reasons)
select $1, entity_id, at, version, quality, string_to_array(reasons, ' ')
from unnest($2::text[], $3::timestamptz[], $4::smallint[], $5::text[], $6::text[])
    as m (entity_id, at, version, quality, reasons)
on conflict (tenant_id, entity_id, at, version) do update set quality = excluded.quality, reasons = excluded.reasons

-- name: forget_marks
delete from quality_mark q using unnest($2::text[], $3::timestamptz[]) as m (entity_id, at)
where q.tenant_id = $1 and q.entity_id = m.entity_id and q.at = m.at

-- name: neighbours
select entity_id, river, rank, doubt_rank, trend, quality, level, observed_at
from gauge_state
where tenant_id = $1 and river = any($2::text[]) and silent_since is null and observed_at is not null

-- name: active_alerts
select w.entity_id, a.id, a.rank, a.highest, a.issued_at, a.body::text as body, n.count
from unnest($2::text[]) as w (entity_id)
cross join lateral (
    select count(*) as count from alert where tenant_id = $1 and alert.entity_id = w.entity_id and mode = $3
) n
left join alert a on a.tenant_id = $1 and a.entity_id = w.entity_id and a.mode = $3 and a.ended_at is null

-- name: save_alert
insert into alert (tenant_id, id, entity_id, mode, rank, highest, issued_at, updated_at, ended_at, ended_by, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb)
on conflict (tenant_id, id) do update set
    rank = excluded.rank, highest = excluded.highest, updated_at = excluded.updated_at,
    ended_at = excluded.ended_at, ended_by = excluded.ended_by, body = excluded.body

-- name: add_message
insert into alert_message (tenant_id, id, alert_id, number, kind, sent_at, headline, headline_en, summary, cap)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: clock
select at, sole, leaper, leap from city_clock where tenant_id = $1 for update

-- name: set_clock
insert into city_clock (tenant_id, at, sole, leaper, leap) values ($1, $2, $3, $4, $5)
on conflict (tenant_id) do update set
    at = excluded.at, sole = excluded.sole, leaper = excluded.leaper, leap = excluded.leap

-- name: clocks
select t.id, t.name, c.at from tenant t left join city_clock c on c.tenant_id = t.id

-- name: overdue
select s.entity_id, s.level, s.observed_at, s.rank, s.trend, d.profile::text as profile,
    n.at as newest_at, n.number as newest_level
from gauge_state s
left join lateral (
    select profile from device
    where tenant_id = s.tenant_id and entity_id = s.entity_id
    order by kind, id limit 1
) d on true
left join lateral (
    select h.at, h.number
    from series r join history h on h.series_id = r.id
    where r.tenant_id = s.tenant_id and r.entity_id = s.entity_id and r.attribute = 'waterLevel'
        and r.dataset_id = '' and r.unit_code in ('', 'MTR') and h.number is not null and h.at >= s.observed_at
    order by h.at desc, h.version desc limit 1
) n on true
where s.tenant_id = $1 and s.silent_since is null and s.silent_from <= $2
order by s.entity_id
limit $3
for update of s skip locked

-- name: set_silence
update gauge_state s set silent_from = w.silent_from, silent_since = w.silent_since
from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) as w (entity_id, silent_from, silent_since)
where s.tenant_id = $1 and s.entity_id = w.entity_id

-- name: doubted
select entity_id, river from gauge_state where tenant_id = $1 and doubt_rank > 0 and silent_since is null
