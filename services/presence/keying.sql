-- name: unkeyed
select n.name as tenant, t.tenant_id, t.id, t.sealed from tag t join tenant n on n.id = t.tenant_id
where not t.keyed order by t.tenant_id, t.id limit $1 for update of t skip locked

-- name: key
update tag set id = $3, sealed = $4, keyed = true where tenant_id = $1 and id = $2

-- name: key_rules
update tag_rule set id = $3 || substr(id, length($2) + 1) where tenant_id = $1 and tag_id = $3 and starts_with(id, $2 || '.')

-- name: key_searches
update tag_search set tag_id = $3 where tenant_id = $1 and tag_id = $2

-- name: key_cells
update tag_cell set tag_id = $3 where tenant_id = $1 and tag_id = $2
