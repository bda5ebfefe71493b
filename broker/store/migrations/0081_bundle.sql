-- Several waiting notifications of a subscription are sent as one, and again as the same one where that was interrupted.

alter table notification add column bundle bigint;
comment on column notification.bundle is
    'the id of the first of those that it is sent with as one Notification; null: it is sent by itself';
