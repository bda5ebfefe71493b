-- Whether a person's data may be told is asked again at each attempt; where it may not, the delivery ends unsent.
alter table delivery
    drop constraint delivery_state_check,
    add constraint delivery_state_check check (state in ('waiting', 'done', 'dead', 'refused'));
create index delivery_notice on delivery (tenant_id, notice_id);
