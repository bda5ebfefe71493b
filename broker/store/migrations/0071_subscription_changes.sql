-- Which subscriptions changed, so that whoever keeps them in memory reads those again and no others.

create table subscription_change (
    xid xid8 not null default pg_current_xact_id(),
    city int not null,
    subscription text not null,
    at timestamptz not null default now()
);
create index subscription_change_by_xid on subscription_change (xid);
create index subscription_change_by_time on subscription_change (at);
comment on table subscription_change is
    'subscriptions to entities that came, changed or went, for a day; readers ask from the oldest transaction on that was'
    ' open when they last asked, so one that commits late is not passed over';

create function subscription_noted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.subscription_change (city, subscription)
    values (coalesce(new.tenant_id, old.tenant_id), coalesce(new.id, old.id));
    return null;
end $$;
create trigger subscription_came after insert on subscription
    for each row when (new.kind = 'entities') execute function subscription_noted();
create trigger subscription_moved after update on subscription
    for each row when (new.kind = 'entities' and new.revision is distinct from old.revision)
    execute function subscription_noted();
create trigger subscription_went after delete on subscription
    for each row when (old.kind = 'entities') execute function subscription_noted();

grant select, delete on subscription_change to cityos_system;
