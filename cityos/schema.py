"""Which packages own tables, in the order in which they are migrated."""

MIGRATED_PACKAGES = (
    "broker.store",
    "broker.delivery",
    "broker.consent",
    "broker.tenancy",
    "broker.catalogue",
    "services.alerting",
    "services.evacuation",
    "services.forecast",
    "services.dispatch",
    "services.points",
    "services.charging",
    "services.presence",
    "api_gateway.oauth",
    "api_gateway.usage",
    "api_gateway.policies",
)
