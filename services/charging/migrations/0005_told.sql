-- For which session a connector was told its limit: that one ends with the session, and the one before holds again.
alter table charging_limit add column transaction text, add column default_w float8 check (default_w >= 0);
comment on column charging_limit.transaction is 'of the session that it was told for; null: for whatever car comes';
comment on column charging_limit.default_w is 'what it was last told for whatever car comes; null: nothing yet';
