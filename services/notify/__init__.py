"""Outgoing channels: signed webhooks, e-mail and MQTT, each subscriber with a queue of its own."""
