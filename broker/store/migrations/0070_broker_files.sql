-- What an ordinary MQTT broker checks a device's password against; made when the secret is, since nobody keeps that.

alter table device add column broker_password text;
comment on column device.broker_password is 'PBKDF2-SHA512 as mosquitto writes it; null: its secret is older than this column';
