-- What nobody answers is told again and again, each time to one more of those next in line, until somebody does.

alter table evacuation_proposal add column raised int not null default 0;
update evacuation_proposal set raised = 1 where escalated_at is not null;
comment on column evacuation_proposal.raised is 'how often it was told again; escalated_at: when last';

alter table evacuation_order
    add column waiting_since timestamptz not null default now(),
    add column raised int not null default 0,
    add column raised_at timestamptz;
update evacuation_order set waiting_since = asked_at;
comment on column evacuation_order.waiting_since is 'by this machine''s clock; in a replay asked_at is the city''s present';

drop index evacuation_proposal_unanswered;
create index evacuation_proposal_unanswered on evacuation_proposal (since) where level > 0 and answered_at is null;
create index evacuation_order_waiting on evacuation_order (waiting_since) where state = 'waiting';
