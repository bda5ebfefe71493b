-- X, whose posts are signed with four words in place of a token.
alter table subscriber
    drop constraint subscriber_channel_check,
    add constraint subscriber_channel_check
        check (channel in ('webhook', 'mail', 'mqtt', 'logout', 'webpush', 'line', 'mastodon', 'x', 'export'));
