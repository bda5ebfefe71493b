-- Subscriptions that are found again when they changed, and a queue of notifications for each that is cheap to look at.

create sequence subscription_revision;
alter table subscription add column revision bigint not null default nextval('subscription_revision');
comment on column subscription.revision is 'a new number whenever the document changes, so that readers see it did';

create function subscription_revised() returns trigger language plpgsql as $$
begin
    if new.doc is distinct from old.doc or new.active is distinct from old.active then
        new.revision := nextval('subscription_revision');
    end if;
    return new;
end $$;
create trigger subscription_revised before update on subscription
    for each row execute function subscription_revised();

-- What an owner may not see is kept by entity type.
update subscription set doc = jsonb_set(doc, '{@access,hidden}', jsonb_build_object('*', doc #> '{@access,hidden}'))
where jsonb_typeof(doc #> '{@access,hidden}') = 'array';

alter table notification add column created_at timestamptz not null default now();
create index notification_queue on notification (tenant_id, kind, subscription_id, id) where state = 'waiting';
create index notification_dead on notification (created_at) where state = 'dead';

grant usage, select on sequence subscription_revision to cityos_app, cityos_system;
