-- name: stations
select t.name as tenant, d.id, d.status as device_status, coalesce(d.entity_id, '') as entity_id, s.refused, s.connected, s.site is not null as held,
    s.priority, s.flooded, m.public_cap_w, m.emergency_floor_w,
    (select jsonb_object_agg(a.key, a.value -> 'value')::text from jsonb_each(e.doc) a
     where a.key in ('status', 'availableCapacity', 'connectors', 'powerConsumption', 'capacity', 'socketNumber')) as shown
from unnest($1::text[], $2::text[]) asked (tenant, id)
join tenant t on t.name = asked.tenant
join device d on d.tenant_id = t.id and d.id = asked.id
left join charging_station s on s.tenant_id = d.tenant_id and s.id = d.id
left join charging_emergency m on m.tenant_id = t.id and m.closed_at is null
left join entity e on e.tenant_id = d.tenant_id and e.id = coalesce(d.entity_id, 'urn:ngsi-ld:EVChargingStation:' || d.id)

-- name: booted
insert into charging_station (tenant_id, id, protocol, vendor, model, serial, firmware, booted_at, connected)
select t.id, $2, $3, $4, $5, $6, $7, $8, true from tenant t where t.name = $1
on conflict (tenant_id, id) do update set protocol = excluded.protocol, vendor = excluded.vendor, model = excluded.model,
    serial = excluded.serial, firmware = excluded.firmware, booted_at = excluded.booted_at

-- name: connection
insert into charging_station (tenant_id, id, connected, connection_at)
select t.id, $2, $3, $4 from tenant t where t.name = $1
on conflict (tenant_id, id) do update set connected = excluded.connected, connection_at = excluded.connection_at
where coalesce(charging_station.connection_at, 'epoch') <= excluded.connection_at

-- name: status
insert into charging_connector (tenant_id, station, connector, status, error, info, status_at)
select t.id, $2, $3, $4, $5, $6, $7 from tenant t where t.name = $1
on conflict (tenant_id, station, connector) do update set status = excluded.status, error = excluded.error,
    info = excluded.info, status_at = excluded.status_at
where coalesce(charging_connector.status_at, 'epoch') <= excluded.status_at

-- name: metered
insert into charging_connector (tenant_id, station, connector, power_w, meter_wh, metered_at)
select t.id, $2, $3, $4, $5, $6 from tenant t where t.name = $1
on conflict (tenant_id, station, connector) do update set power_w = coalesce(excluded.power_w, charging_connector.power_w),
    meter_wh = coalesce(excluded.meter_wh, charging_connector.meter_wh), metered_at = excluded.metered_at
where coalesce(charging_connector.metered_at, 'epoch') <= excluded.metered_at

-- name: needs
insert into charging_connector (tenant_id, station, connector, needs_at, need_wh, departs_at, vehicle_w)
select t.id, $2, $3, $4, $5, $6, $7 from tenant t where t.name = $1
on conflict (tenant_id, station, connector) do update set needs_at = excluded.needs_at, need_wh = excluded.need_wh,
    need_from_wh = charging_connector.meter_wh, departs_at = excluded.departs_at, vehicle_w = excluded.vehicle_w
where coalesce(charging_connector.needs_at, 'epoch') <= excluded.needs_at

-- name: left
update charging_connector c set needs_at = null, need_wh = null, need_from_wh = null, departs_at = null, vehicle_w = null
from tenant t where t.name = $1 and c.tenant_id = t.id and c.station = $2 and c.connector = $3 and c.needs_at <= $4

-- name: variables
insert into charging_variable (tenant_id, station, name, value, writable, unit, at)
select t.id, $2, v.name, v.value, v.writable, v.unit, $7
from tenant t, unnest($3::text[], $4::text[], $5::boolean[], $6::text[]) v (name, value, writable, unit)
where t.name = $1
    and ((select count(*) from charging_variable k where k.tenant_id = t.id and k.station = $2) < 5000
        or exists (select from charging_variable k where k.tenant_id = t.id and k.station = $2 and k.name = v.name))
on conflict (tenant_id, station, name) do update set value = excluded.value, writable = excluded.writable,
    unit = excluded.unit, at = excluded.at

-- name: certificate_asked
insert into charging_station (tenant_id, id, certificate_request, certificate_asked_at)
select t.id, $2, $3, $4 from tenant t where t.name = $1
on conflict (tenant_id, id) do update set certificate_request = excluded.certificate_request,
    certificate_asked_at = case when excluded.certificate_request is not null then excluded.certificate_asked_at end
where charging_station.certificate_asked_at is null
    or charging_station.certificate_asked_at <= excluded.certificate_asked_at

-- name: connectors
select t.name as tenant, c.station, c.connector, c.status, c.error, c.info, c.power_w, c.status_at, c.most_w, c.phases,
    c.unit
from unnest($1::text[], $2::text[]) asked (tenant, station)
join tenant t on t.name = asked.tenant
join charging_connector c on c.tenant_id = t.id and c.station = asked.station
order by c.station, c.connector

-- name: session
select c.transaction, c.state::text as state from charging_session c join tenant t on t.id = c.tenant_id
where t.name = $1 and c.station = $2 and c.transaction = $3 for update of c

-- name: session_by_start
select c.transaction, c.state::text as state from charging_session c join tenant t on t.id = c.tenant_id
where t.name = $1 and c.station = $2 and c.start_key = $3 for update of c

-- name: next_transaction
select nextval('charging_transaction')

-- name: save_session
insert into charging_session (tenant_id, station, transaction, start_key, state, open, at)
select t.id, $2, $3, $4, $5::text::jsonb, $6, $7 from tenant t where t.name = $1
on conflict (tenant_id, station, transaction) do update set state = excluded.state, open = excluded.open, at = excluded.at

-- name: open_at_connector
select c.transaction, c.start_key, c.state::text as state from charging_session c join tenant t on t.id = c.tenant_id
where t.name = $1 and c.station = $2 and c.open and c.transaction <> $3 and (c.state ->> 'connector')::int = $4
for update of c

-- name: open_on_connector
select c.transaction from charging_session c join tenant t on t.id = c.tenant_id
where t.name = $1 and c.station = $2 and c.open and (c.state ->> 'connector')::int = $3
order by c.at desc limit 1

-- name: token
select c.status, c.until from charging_token c join tenant t on t.id = c.tenant_id where t.name = $1 and c.token = $2
