-- Social networks, and other systems' own forms.
alter table subscriber
    drop constraint subscriber_channel_check,
    add constraint subscriber_channel_check
        check (channel in ('webhook', 'mail', 'mqtt', 'logout', 'webpush', 'line', 'mastodon', 'export'));
comment on column subscriber.secret is 'the key of a webhook''s signature, a browser''s keys, or an account''s access token';
