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
