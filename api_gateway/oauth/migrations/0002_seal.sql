-- Seals name the lines they cover one by one: lines commit in another order than they are numbered.

alter table audit drop column txid;
alter table audit_seal
    drop column records,
    drop column first_id,
    drop column horizon,
    add column ids bigint[] not null;
comment on column audit_seal.ids is 'the lines covered; the digest is over their contents, in order of number';
