-- name: add_code
insert into points_code (tenant_id, digest, account, expires_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3)

-- name: code
select account, expires_at, used_by from points_code
where tenant_id = current_setting('cityos.tenant_id')::int and digest = $1
for update

-- name: use_code
update points_code set used_by = $2 where tenant_id = current_setting('cityos.tenant_id')::int and digest = $1

-- name: add_card
insert into points_card (tenant_id, digest, account, pin_hash)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3)

-- name: card
select account, pin_hash, failures, locked_at from points_card
where tenant_id = current_setting('cityos.tenant_id')::int and digest = $1
for update

-- name: card_result
update points_card set failures = $2, locked_at = $3
where tenant_id = current_setting('cityos.tenant_id')::int and digest = $1

-- name: add_shop
insert into points_shop (tenant_id, id, name, area, category, purpose, monthly_fee, fee_per_point, opened_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8)

-- name: shop
select id, name, area, category, purpose, monthly_fee, fee_per_point, leaving_at is not null as leaving, closed_at
from points_shop
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: shops
select id, name, area, category, purpose, monthly_fee, fee_per_point, opened_at, closed_at from points_shop
where tenant_id = current_setting('cityos.tenant_id')::int order by id

-- name: add_till
insert into points_till (tenant_id, client_id, shop, name) values (current_setting('cityos.tenant_id')::int, $1, $2, $3)

-- name: till
select shop from points_till
where tenant_id = current_setting('cityos.tenant_id')::int and client_id = $1 and closed_at is null

-- name: set_person
insert into points_person (tenant_id, account, household, born, residence, family)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)
on conflict (tenant_id, account) do update set household = excluded.household, born = excluded.born,
    residence = excluded.residence, family = excluded.family

-- name: person
select account, household, born, residence, family from points_person
where tenant_id = current_setting('cityos.tenant_id')::int and account = $1

-- name: rules
select version, document::text as document from points_rules
where tenant_id = current_setting('cityos.tenant_id')::int and ($1::int is null or version = $1)
order by version desc limit 1

-- name: add_rules
insert into points_rules (tenant_id, version, document, by, at)
values (current_setting('cityos.tenant_id')::int, $1, $2::jsonb, $3, $4)

-- name: add_occasion
insert into points_occasion (tenant_id, id, account, rules, document, at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4::jsonb, $5)
on conflict do nothing

-- name: occasion
select account, rules, document::text as document from points_occasion
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: taken
select exists (select from points_transfer where tenant_id = current_setting('cityos.tenant_id')::int and id = $1)
    or exists (select from points_occasion where tenant_id = current_setting('cityos.tenant_id')::int and id = $2)

-- name: occasions
select document::text as document from points_occasion
where tenant_id = current_setting('cityos.tenant_id')::int and at >= $1 and at < $2
order by at, id

-- name: balance
select a.credits_posted - a.debits_posted as balance, a.debits_pending as reserved from points_account a
where a.tenant_id = current_setting('cityos.tenant_id')::int and a.id = $1

-- name: own_lots
select kind, issuer, programme, spend_on, expires_at, sum(free)::bigint as points from points_lot
where tenant_id = current_setting('cityos.tenant_id')::int and account = $1 and free + held > 0 and free > 0
    and (expires_at is null or expires_at > $2)
group by kind, issuer, programme, spend_on, expires_at
order by expires_at nulls last, programme

-- name: movements
select seq, id, code, phase, debit, credit, amount, at, details::text as details
from points_transfer
where tenant_id = current_setting('cityos.tenant_id')::int and (debit = $1 or credit = $1)
    and ($2::bigint is null or seq < $2) and phase in ('single', 'post')
order by seq desc limit $3

-- name: transfer
select id, code, phase, debit, credit, amount, refund_of, details::text as details, at from points_transfer
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: awarded
select id, account, granted_by, programme, amount from points_lot
where tenant_id = current_setting('cityos.tenant_id')::int and granted_by = any($1::text[])

-- name: expiring
select account, expires_at, sum(free)::bigint as points from points_lot
where tenant_id = current_setting('cityos.tenant_id')::int and free > 0 and expires_at > $1 and expires_at <= $2
group by account, expires_at order by expires_at, account limit $3
