-- name: by_phone
select id, name, kana, phone, mail, wheelchairs, home, member, note, account from bus_rider
where tenant_id = current_setting('cityos.tenant_id')::int and phone like $1 || '%' order by phone, kana, id limit 20
-- name: rider
select id, name, kana, phone, mail, wheelchairs, home, member, note, account from bus_rider
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1
-- name: by_account
select id, name, kana, phone, mail, wheelchairs, home, member, note, account from bus_rider
where tenant_id = current_setting('cityos.tenant_id')::int and account = $1
-- name: riders
select id, name, kana, phone, mail, wheelchairs, home, member, note, account from bus_rider
where tenant_id = current_setting('cityos.tenant_id')::int and id = any($1)
-- name: save_rider
insert into bus_rider (tenant_id, id, name, kana, phone, mail, wheelchairs, home, member, note, account, changed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, id) do update
set name = excluded.name, kana = excluded.kana, phone = excluded.phone, mail = excluded.mail,
    wheelchairs = excluded.wheelchairs, home = excluded.home, member = excluded.member, note = excluded.note,
    account = excluded.account, changed_at = excluded.changed_at
-- name: fares
select rules::text as rules from bus_fare where tenant_id = current_setting('cityos.tenant_id')::int
-- name: save_fares
insert into bus_fare (tenant_id, rules) values (current_setting('cityos.tenant_id')::int, $1::jsonb)
on conflict (tenant_id) do update set rules = excluded.rules
-- name: tell
insert into ride_notice (tenant_id, id, booking, rider, kind, said, at)
select current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6
where exists (select from bus_rider where tenant_id = current_setting('cityos.tenant_id')::int and id = $3)
on conflict do nothing
-- name: calls
select n.id, n.booking, n.rider, n.kind, n.said, n.at, r.name, r.kana, r.phone
from ride_notice n join bus_rider r on r.tenant_id = n.tenant_id and r.id = n.rider
where n.tenant_id = current_setting('cityos.tenant_id')::int and n.state = 'call' order by n.at limit 200
-- name: called
update ride_notice set state = 'done', done_by = $2, done_at = $3
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and state = 'call'
-- name: told
select kind, said, at from ride_notice
where tenant_id = current_setting('cityos.tenant_id')::int and rider = $1 order by at desc limit 20
-- name: news
select t.name as tenant, n.id, n.rider, n.kind, n.said, n.at, r.mail
from ride_notice n join tenant t on t.id = n.tenant_id
join bus_rider r on r.tenant_id = n.tenant_id and r.id = n.rider
where n.state = 'new' order by n.at limit 100 for update of n skip locked
-- name: sent
update ride_notice n set state = $3 from tenant t
where t.id = n.tenant_id and t.name = $1 and n.id = $2
-- name: mailed
select id from ride_notice
where tenant_id = current_setting('cityos.tenant_id')::int and rider = $1 and state = 'mailed'
-- name: tell_anew
update ride_notice set state = 'new' where tenant_id = current_setting('cityos.tenant_id')::int and id = any($1::text[])
-- name: has_mail
select exists (select from subscriber s join tenant t on t.id = s.tenant_id
where t.name = $1 and s.channel = 'mail' and s.target = $2)

-- name: unused
select mail from unnest($2::text[]) as m (mail)
where not exists (select from bus_rider r join tenant t on t.id = r.tenant_id where t.name = $1 and r.mail = m.mail)
