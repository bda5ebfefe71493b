-- name: about
select household, born, residence, family from points_person
where tenant_id = (select id from tenant where name = $1) and account = $2

-- name: forget
update points_person set household = null, born = null, residence = null, family = null
where tenant_id = (select id from tenant where name = $1) and account = $2

-- name: count_journal
select count(*) from points_transfer
where tenant_id = (select id from tenant where name = $1) and (debit = $2 or credit = $2)

-- name: lock_cards
update points_card set locked_at = coalesce(locked_at, $3)
where tenant_id = (select id from tenant where name = $1) and account = $2

-- name: fares
select ride, yen, why, at, how, ended_at from points_unpaid_fare
where tenant_id = (select id from tenant where name = $1) and (person = $2 or account = any($3::text[]))
order by at, ride

-- name: forget_fares
update points_unpaid_fare set person = null, account = null
where tenant_id = (select id from tenant where name = $1) and (person = $2 or account = any($3::text[]))
    and ended_at is not null

-- name: count_owed
select count(*) from points_unpaid_fare
where tenant_id = (select id from tenant where name = $1) and (person = $2 or account = any($3::text[]))
