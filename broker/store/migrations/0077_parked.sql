-- A person may ask that a record that was set aside is handled again, once what made it fail is mended.
alter table parked_record add column attempts int not null default 1;
alter table parked_record add column asked_at timestamptz;
create index parked_record_asked on parked_record (consumer, topic, id) where asked_at is not null;
comment on column parked_record.asked_at is 'when a person asked for it; the consumer takes it up, and it is gone with its effects';
