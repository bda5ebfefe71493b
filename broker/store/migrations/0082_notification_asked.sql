-- A notification that tells of persons carries what the consent gate was asked, to be asked again at each attempt.
alter table notification
    add column disclosures jsonb,
    drop constraint notification_state_check,
    add constraint notification_state_check check (state in ('waiting', 'dead', 'refused'));
comment on column notification.disclosures is 'access.consent.Disclosure of each entity about a person in body; null where none is';
create index notification_refused on notification (created_at) where state = 'refused';
