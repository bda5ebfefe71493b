-- Apps that are told of a log-out (OpenID Connect Back-Channel Logout) are subscribers like any other.
alter table subscriber
    drop constraint subscriber_channel_check,
    add constraint subscriber_channel_check check (channel in ('webhook', 'mail', 'mqtt', 'logout'));
