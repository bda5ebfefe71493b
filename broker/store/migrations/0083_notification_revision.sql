-- Notifications that wait are sent together only where the same wishes of the subscriber made them.
alter table notification add column revision bigint;
comment on column notification.revision is
    'revision of the subscription that body was made for; null: of registrations, which are sent one by one, or older';
