-- The log on one machine: append-only topics in partitions, in this same database.
-- A batch of records is one row. The head row of a partition is updated by every append and stays locked until
-- the appending transaction ends, so offsets have no gaps and become visible in order: a reader never passes a
-- record that commits late.

create table log_partition (
    topic text not null,
    partition int not null,
    partitions int not null,
    next bigint not null default 0,
    appended_at timestamptz not null default '-infinity',
    primary key (topic, partition)
) with (fillfactor = 20);
comment on table log_partition is 'the head of each partition';
comment on column log_partition.partitions is 'how many the topic has: fixed, for a key must stay where its order is';
comment on column log_partition.next is 'the offset that the next record gets';
comment on column log_partition.appended_at is 'of the last batch; never decreases, whatever the clock does';

create table log_batch (
    topic text not null,
    partition int not null,
    last_offset bigint not null,
    count int not null check (count > 0),
    appended_at timestamptz not null,
    records bytea not null,
    primary key (topic, partition, last_offset)
);
create index log_batch_by_time on log_batch (topic, partition, appended_at);
alter table log_batch alter column records set storage external;
alter table log_batch set (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1);
comment on column log_batch.records is 'MessagePack: one array of key, value, key, value …; not compressed, for speed';

create table log_group (
    consumer text not null,
    topic text not null,
    generation bigint not null default 0,
    primary key (consumer, topic)
) with (fillfactor = 20);
comment on column log_group.generation is 'counts joins, leaves, deaths and releases; a member that sees a new one looks again';

create table log_member (
    consumer text not null,
    topic text not null,
    member text not null,
    expires_at timestamptz not null,
    primary key (consumer, topic, member),
    foreign key (consumer, topic) references log_group
) with (fillfactor = 20);
comment on column log_member.expires_at is 'the member is taken for dead, and its leases for free, from then on';

create table log_lease (
    consumer text not null,
    topic text not null,
    partition int not null,
    member text not null,
    primary key (consumer, topic, partition),
    foreign key (consumer, topic, member) references log_member on delete cascade
);
comment on table log_lease is 'which member reads a partition, for as long as the member lives or until it lets go';

-- Appending is a function so that a request's role can put records on the log without any right to read it.
create function log_append(topic_ text, partitions_ int, partition_ int[], count_ int[], records_ bytea[])
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    head record;
begin
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    for i in 1 .. cardinality(partition_) loop
        if i > 1 and partition_[i] < partition_[i - 1] then
            raise exception 'partitions must come in ascending order, so that appends cannot deadlock';
        end if;
        for attempt in 1 .. 2 loop
            update public.log_partition h
            set next = h.next + count_[i], appended_at = greatest(h.appended_at, clock_timestamp())
            where h.topic = topic_ and h.partition = partition_[i]
            returning h.* into head;
            exit when found;
            insert into public.log_partition (topic, partition, partitions)
            select topic_, p, partitions_ from generate_series(0, partitions_ - 1) p
            on conflict do nothing;
        end loop;
        if head.partitions is distinct from partitions_ then
            raise exception 'topic % has % partitions, not %', topic_, head.partitions, partitions_;
        end if;
        insert into public.log_batch (topic, partition, last_offset, count, appended_at, records)
        values (topic_, partition_[i], head.next - 1, count_[i], head.appended_at, records_[i]);
    end loop;
    perform pg_notify('log_' || topic_, '');
end $$;
comment on function log_append is 'appends one row per element, in ascending order of partition, as part of the caller''s transaction';

revoke all on function log_append from public;
grant execute on function log_append to cityos_app, cityos_system;
grant select, delete on log_batch to cityos_system;
grant select on log_partition to cityos_system;
grant select, insert, update, delete on log_group, log_member, log_lease to cityos_system;

-- The gateway's event streams read the log through a role that can do nothing else.
grant usage on schema public to cityos_tail;
grant select on log_batch, log_partition to cityos_tail;

-- A request hands records to the outbox and sees nobody's.
revoke select, update, delete on outbox from cityos_app;
