-- A guest reads the history of what was deleted too, where its type is delegated.

create policy delegated on entity_past for select to cityos_guest using (
    tenant_id = current_setting('cityos.tenant_id')::int
    and type <@ (select delegated_types(current_setting('cityos.tenant_id')::int, current_setting('cityos.reader_id')::int))
);
create policy delegated on attribute_past for select to cityos_guest using (
    tenant_id = current_setting('cityos.tenant_id')::int
    and (exists (select 1 from entity e where e.tenant_id = attribute_past.tenant_id and e.id = attribute_past.entity_id)
        or exists (select 1 from entity_past p where p.tenant_id = attribute_past.tenant_id and p.id = attribute_past.entity_id))
);
alter policy delegated on series using (
    tenant_id = current_setting('cityos.tenant_id')::int
    and (exists (select 1 from entity e where e.tenant_id = series.tenant_id and e.id = series.entity_id)
        or exists (select 1 from entity_past p where p.tenant_id = series.tenant_id and p.id = series.entity_id))
);
grant select on entity_past, attribute_past, entity_ever to cityos_guest;
grant execute on function history_stale to cityos_guest;
