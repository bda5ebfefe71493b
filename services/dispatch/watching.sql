-- name: become
select set_config('cityos.tenant_id', (select id::text from tenant where name = $1), true)
-- name: note_stage
update bus_closure_rule set now = $2
where tenant_id = current_setting('cityos.tenant_id')::int and gauge = $1 returning gauge, stage, stops, now, roads
-- name: rules
select gauge, stage, stops, now, roads from bus_closure_rule where tenant_id = current_setting('cityos.tenant_id')::int order by gauge
-- name: save_rule
insert into bus_closure_rule (tenant_id, gauge, stage, stops, roads)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4)
on conflict (tenant_id, gauge) do update set stage = excluded.stage, stops = excluded.stops, roads = excluded.roads
