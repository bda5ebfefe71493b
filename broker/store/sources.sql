-- name: identity
select id::text from broker_identity

-- name: registrations
select doc::text as doc, modified_at from registration order by created_at, id

-- name: fitting
select n from (
    select d.n, (
        select coalesce(jsonb_object_agg(p.key, jsonb_build_object('type', 'Property', 'value', p.value)), '{{}}')
        from jsonb_each(d.doc::jsonb) p where p.key <> all ($1::text[])
    ) as doc from unnest($2::text[]) with ordinality as d (doc, n)
) properties where {condition}

-- name: settle
update registration set times_sent = times_sent + $2, times_failed = times_failed + $3,
    last_success = greatest(last_success, $4::timestamptz), last_failure = greatest(last_failure, $5::timestamptz)
where id = $1
