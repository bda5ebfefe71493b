-- name: reach
insert into subscriber (tenant_id, name, channel, target, secret, filter)
select id, '', $2, $3, $4, '{"kinds": []}'::jsonb from tenant where name = $1
on conflict (tenant_id, channel, target) do update set
    secret = case when $5 then excluded.secret else subscriber.secret end,
    status = case when subscriber.status = 'gone' then 'active' else subscriber.status end
where $6
returning id

-- name: want
insert into person_subscriber (tenant_id, person, matter, subscriber_id, since)
select t.id, $2, m, $4, $5 from tenant t, unnest($3::text[]) m where t.name = $1
on conflict do nothing

-- name: want_only
delete from person_subscriber p using tenant t
where t.id = p.tenant_id and t.name = $1 and p.person = $2 and p.subscriber_id = $3 and p.matter <> all($4::text[])

-- name: of_others
delete from person_subscriber p using tenant t
where t.id = p.tenant_id and t.name = $1 and p.person <> $2 and p.subscriber_id = $3
returning p.person

-- name: drop_waiting
delete from delivery where subscriber_id = $1 and state = 'waiting'

-- name: ways
select s.id, s.channel, s.target, s.status, s.failures, array_agg(p.matter order by p.matter) as matters, min(p.since) as since
from person_subscriber p
join tenant t on t.id = p.tenant_id
join subscriber s on s.id = p.subscriber_id
where t.name = $1 and p.person = $2
group by s.id order by min(p.since), s.id

-- name: leave
delete from person_subscriber p using tenant t
where t.id = p.tenant_id and t.name = $1 and p.person = $2 and p.subscriber_id = $3
    and ($4::text is null or p.matter = $4)
returning p.matter

-- name: leave_all
delete from person_subscriber p using tenant t where t.id = p.tenant_id and t.name = $1 and p.person = $2
returning p.subscriber_id

-- name: clear_unused
delete from subscriber s
where s.id = any($1::bigint[]) and s.filter = '{"kinds": []}'::jsonb and s.channel in ('webpush', 'webhook')
    and not exists (select from person_subscriber p where p.subscriber_id = s.id)

-- name: tell
insert into delivery (tenant_id, subscriber_id, notice_id, notice, created_at)
select p.tenant_id, p.subscriber_id, n.notice_id, n.notice::jsonb, $6
from unnest($3::text[], $4::text[], $5::text[]) as n (person, notice_id, notice)
join tenant t on t.name = $1
join person_subscriber p on p.tenant_id = t.id and p.person = n.person and p.matter = $2
join subscriber s on s.id = p.subscriber_id and s.status <> 'gone'
on conflict (subscriber_id, notice_id) do nothing
returning id

-- name: tell_all
insert into delivery (tenant_id, subscriber_id, notice_id, notice, created_at)
select distinct p.tenant_id, p.subscriber_id, $3, $4::jsonb, $5::timestamptz
from person_subscriber p join tenant t on t.id = p.tenant_id
join subscriber s on s.id = p.subscriber_id and s.status <> 'gone'
where t.name = $1 and p.matter = $2
on conflict (subscriber_id, notice_id) do nothing
returning id

-- name: count_listening
select s.channel, count(distinct s.id) as count
from person_subscriber p join tenant t on t.id = p.tenant_id
join subscriber s on s.id = p.subscriber_id and s.status <> 'gone'
where t.name = $1 and p.matter = $2
group by s.channel

-- name: wants
select exists (select from person_subscriber p join tenant t on t.id = p.tenant_id
    where t.name = $1 and p.person = $2 and p.matter = $3 and p.subscriber_id = $4)

-- name: listening
select w.person from unnest($3::text[]) as w (person) join tenant t on t.name = $1
where exists (select from person_subscriber p
        where p.tenant_id = t.id and p.person = w.person and p.matter = $2)
    or exists (select from subscriber s
        where s.tenant_id = t.id and s.filter -> 'kinds' is distinct from '[]'::jsonb
            and s.filter -> 'about' -> $4 ? w.person)
order by 1

-- name: listeners
select distinct p.person from person_subscriber p join tenant t on t.id = p.tenant_id
where t.name = $1 and p.matter = $2 order by p.person

-- name: tell_one
insert into delivery (tenant_id, subscriber_id, notice_id, notice, created_at)
select p.tenant_id, p.subscriber_id, $4, $5::jsonb, $6
from person_subscriber p join tenant t on t.id = p.tenant_id
where t.name = $1 and p.person = $2 and p.subscriber_id = $3
limit 1
on conflict (subscriber_id, notice_id) do nothing
returning id

-- name: push_key
select private_jwk::text as private_jwk from push_key order by created_at limit 1

-- name: lock_push_key
select pg_advisory_xact_lock(hashtext('push_key'))

-- name: add_push_key
insert into push_key (id, private_jwk) values ($1, $2::text::jsonb)
