-- What is past its time is found without reading all of it.

create index login_session_by_age on login_session (expires_at);
create index assertion_seen_by_age on assertion_seen (expires_at);
create index revoked_grant_by_age on revoked_grant (expires_at);
create index account_link_by_age on account_link (expires_at);
