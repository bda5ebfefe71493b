-- name: sites
select t.name as tenant, s.id, s.part_of, s.limit_w, s.sharing, s.windows::text as windows, s.meter, s.base_w,
    s.others_w, s.others_at,
    (e.doc -> s.meter_attribute)::text as metered
from charging_site s
join tenant t on t.id = s.tenant_id
left join entity e on e.tenant_id = s.tenant_id and e.id = s.meter
order by t.name, s.id

-- name: at_no_site
select t.name as tenant from tenant t
where exists (
    select from charging_station s where s.tenant_id = t.id and s.site is null and (
        exists (select from charging_emergency e where e.tenant_id = s.tenant_id and e.closed_at is null)
        or exists (select from charging_limit l where l.tenant_id = s.tenant_id and l.station = s.id)))

-- name: note_others
update charging_site s set others_w = $3, others_at = $4 from tenant t where t.name = $1 and s.tenant_id = t.id and s.id = $2

-- name: lock
select pg_try_advisory_xact_lock(hashtextextended('charging/' || $1, 0))

-- name: emergency
select e.public_cap_w, e.emergency_floor_w from charging_emergency e join tenant t on t.id = e.tenant_id
where t.name = $1 and e.closed_at is null

-- name: connectors
select coalesce(s.site, '') as site, s.booted_at, c.station, c.connector, c.power_w, c.most_w, c.phases, c.unit,
    c.needs_at, c.need_wh, c.need_from_wh, c.meter_wh, c.departs_at, c.vehicle_w, s.priority, s.flooded, s.connected,
    l.watts, l.before_w, l.asked_at, l.transaction as told_for, l.default_w, d.status as told, d.answered_at, d.expires_at,
    (select x.state::text from charging_session x where x.tenant_id = c.tenant_id and x.station = c.station and x.open
        and (x.state ->> 'connector')::int = c.connector order by x.at desc limit 1) as session
from charging_connector c
join tenant t on t.id = c.tenant_id
join charging_station s on s.tenant_id = c.tenant_id and s.id = c.station
left join charging_limit l on l.tenant_id = c.tenant_id and l.station = c.station and l.connector = c.connector
left join device_command d on d.tenant_id = c.tenant_id and d.id = l.command
where t.name = $1 and coalesce(s.site, '') = any($2::text[]) and c.connector > 0
order by c.station, c.connector

-- name: note_load
insert into charging_load (tenant_id, site, at, power_w, given_w, limit_w)
select t.id, $2, date_trunc('minute', $3::timestamptz), $4, $5, $6 from tenant t where t.name = $1
on conflict (tenant_id, site, at) do update set power_w = greatest(charging_load.power_w, excluded.power_w),
    given_w = greatest(charging_load.given_w, excluded.given_w), limit_w = excluded.limit_w

-- name: forget_load
delete from charging_load l using tenant t where t.id = l.tenant_id and t.name = $1 and l.site = $2 and l.at < $3

-- name: command
insert into device_command (tenant_id, id, device, name, arguments, asked_by, asked_at, expires_at)
select d.tenant_id, $2, d.id, 'limit', $4::text::jsonb, 'charging', $5, $6
from device d join tenant t on t.id = d.tenant_id where t.name = $1 and d.id = $3 and d.status = 'approved'
returning id

-- name: told
insert into charging_limit (tenant_id, station, connector, watts, before_w, command, asked_at, transaction, default_w)
select t.id, $2, $3, $4::float8, $5, $6, $7, $8::text, case when $8::text is null then $4::float8 end from tenant t where t.name = $1
on conflict (tenant_id, station, connector) do update set watts = excluded.watts, before_w = excluded.before_w,
    command = excluded.command, asked_at = excluded.asked_at, transaction = excluded.transaction,
    default_w = coalesce(excluded.default_w, charging_limit.default_w)

-- name: release
delete from charging_limit l using tenant t
where t.name = $1 and l.tenant_id = t.id and l.station = $2 and l.connector = $3
