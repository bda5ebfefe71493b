-- Settled deliveries are forgotten after a while.
create index delivery_settled on delivery (settled_at) where state <> 'waiting';
