-- name: stations
select s.id, s.protocol, s.vendor, s.model, s.firmware, s.connected, s.booted_at, s.site, s.priority, s.flooded, s.refused,
    s.v2h_w, s.battery_kwh, s.floods_with, s.certificate_request, s.certificate_asked_at, e.doc::text as doc
from charging_station s
left join device d on d.tenant_id = s.tenant_id and d.id = s.id
left join entity e on e.tenant_id = s.tenant_id
    and e.id = coalesce(d.entity_id, 'urn:ngsi-ld:EVChargingStation:' || s.id)
order by s.id

-- name: public
select s.id, s.connected, s.priority, s.flooded, coalesce(e.doc #>> '{name,value}', s.id) as name, (e.doc #> '{location,value}')::text as location
from charging_station s
left join device d on d.tenant_id = s.tenant_id and d.id = s.id
left join entity e on e.tenant_id = s.tenant_id
    and e.id = coalesce(d.entity_id, 'urn:ngsi-ld:EVChargingStation:' || s.id)
order by s.id

-- name: connectors
select c.station, c.connector, c.status, c.error, c.info, c.power_w, c.status_at, c.most_w, c.phases, c.unit, l.watts,
    c.needs_at, c.need_wh, c.need_from_wh, c.meter_wh, c.departs_at, c.vehicle_w
from charging_connector c
left join charging_limit l on l.tenant_id = c.tenant_id and l.station = c.station and l.connector = c.connector
order by c.station, c.connector

-- name: open_sessions
select state::text as state from charging_session where open order by station, transaction

-- name: variables
select name, value, writable, unit, at from charging_variable where station = $1 order by name

-- name: sessions
select state::text as state from charging_session order by at desc, station, transaction limit $1

-- name: sites
select id, name, limit_w, sharing, windows::text as windows, shelter, load_w, part_of, meter,
    meter_attribute, base_w from charging_site order by id

-- name: save_site
insert into charging_site (tenant_id, id, name, limit_w, sharing, windows, shelter, load_w, part_of, meter,
    meter_attribute, base_w, changed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9, $10, $11, $12)
on conflict (tenant_id, id) do update set name = excluded.name, limit_w = excluded.limit_w, sharing = excluded.sharing,
    windows = excluded.windows, shelter = excluded.shelter, load_w = excluded.load_w, part_of = excluded.part_of,
    meter = excluded.meter, meter_attribute = excluded.meter_attribute, base_w = excluded.base_w, changed_at = excluded.changed_at

-- name: expect_station
insert into charging_station (tenant_id, id)
select d.tenant_id, d.id from device d
where d.tenant_id = current_setting('cityos.tenant_id')::int and d.id = $1 and d.family = $2
on conflict do nothing

-- name: save_station
update charging_station set site = $2, priority = $3, flooded = $4, refused = $5, v2h_w = $6, battery_kwh = $7,
    floods_with = $8
where id = $1 returning id

-- name: site_exists
select 1 from charging_site where id = $1

-- name: save_connector
insert into charging_connector (tenant_id, station, connector, most_w, phases, unit)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)
on conflict (tenant_id, station, connector) do update set most_w = excluded.most_w, phases = excluded.phases,
    unit = excluded.unit

-- name: cards
select token, status, label, until from charging_token
where $1 = '' or position(lower($1) in lower(token)) > 0 or position(lower($1) in lower(label)) > 0
order by token limit $2

-- name: save_card
insert into charging_token (tenant_id, token, status, label, until)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4)
on conflict (tenant_id, token) do update set status = excluded.status, label = excluded.label, until = excluded.until

-- name: delete_card
delete from charging_token where token = $1 returning token

-- name: emergencies
select id, opened_at, opened_by, because, alert, public_cap_w, emergency_floor_w, closed_at, closed_by
from charging_emergency order by opened_at desc limit 50

-- name: open_rules
select public_cap_w, emergency_floor_w from charging_emergency where closed_at is null

-- name: open_emergency
insert into charging_emergency (tenant_id, id, opened_at, opened_by, because, alert, public_cap_w, emergency_floor_w)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7)
on conflict do nothing returning id

-- name: close_emergency
update charging_emergency set closed_at = $1, closed_by = $2 where closed_at is null returning id

-- name: flood
update charging_station set flooded = true where id = any($1::text[]) returning id

-- name: reached
select id from charging_station where $1 = any(floods_with) order by id

-- name: load
select at, power_w, given_w, limit_w from charging_load where site = $1 and at >= $2 order by at

-- name: end_floods
update charging_station set flooded = false where flooded

-- name: alerts
select id, doc #>> '{headline,value}' as headline, doc #>> '{headlineEn,value}' as headline_en,
    doc #>> '{refWaterObserved,object}' as gauge, doc #>> '{stage,value}' as stage, doc #>> '{status,value}' as status
from entity where first_type = 'Alert' and not doc ? 'validTo' and doc #>> '{subCategory,value}' = 'flood'
order by modified_at desc limit 20
