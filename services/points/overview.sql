-- name: campaigns
select id, title, credits_posted - debits_posted as left, credits_posted as put_in, debits_posted as given
from points_account
where tenant_id = current_setting('cityos.tenant_id')::int and kind = 'campaign' order by id

-- name: shops
select s.id, s.name, s.area, s.category, s.purpose, s.monthly_fee, s.fee_per_point, s.opened_at, s.leaving_at, s.closed_at,
    (select count(*) from points_till t where t.tenant_id = s.tenant_id and t.shop = s.id and t.closed_at is null) as tills,
    a.credits_posted - a.debits_posted as balance
from points_shop s
join points_account a on a.tenant_id = s.tenant_id and a.id = 'shop/' || s.id
where s.tenant_id = current_setting('cityos.tenant_id')::int order by s.id

-- name: closings
select day, totals::text as totals, closed_at from points_closing
where tenant_id = current_setting('cityos.tenant_id')::int order by day desc limit $1

-- name: settlements
select shop, document::text as document, at from points_settlement
where tenant_id = current_setting('cityos.tenant_id')::int and period = $1 order by shop
