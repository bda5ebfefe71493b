-- name: cards
select c.token, c.status, c.label, c.until from charging_token c
join tenant t on t.id = c.tenant_id where t.name = $1 order by c.token

-- name: sessions
select c.state::text as state from charging_session c join tenant t on t.id = c.tenant_id
where t.name = $1 and c.state ->> 'card' = any($2::text[]) order by c.at, c.station, c.transaction

-- name: forget_cards
delete from charging_token c using tenant t where t.id = c.tenant_id and t.name = $1 and c.token = any($2::text[])

-- name: forget_sessions
update charging_session c set state = jsonb_set(c.state, '{card}', 'null') from tenant t
where t.id = c.tenant_id and t.name = $1 and c.state ->> 'card' = any($2::text[]) and not c.open

-- name: running
select count(*) from charging_session c join tenant t on t.id = c.tenant_id
where t.name = $1 and c.state ->> 'card' = any($2::text[]) and c.open
