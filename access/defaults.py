"""The policy a city starts with: open data for anyone, personal data for nobody at this door, the rest by scope."""

from __future__ import annotations

from access.personal import PERSONAL_ENTITIES
from access.policy import Action, Policy, Rule, Subject

SCOPES = {
    "entities:read": "read entities that are not open data (personal data excepted)",
    "entities:write": "create and change entities",
    "alerts:write": "create and change flood assessments and alerts",
    "flood:staff": "see what only staff should: suspected stages, and how each decision was made",
    "evacuation:read": "see what is proposed for districts, which notices were issued and by whom",
    "evacuation:issue": "issue, correct, lift and withdraw evacuation notices",
    "evacuation:manage": "load the districts and who stands for them",
    "cameras:write": "send still images of the cameras beside gauges",
    "shelters:run": "open and close shelters, and count who is there",
    "subscriptions:write": "subscribe to what one may read, and see and change the city's subscriptions",
    "registrations:write": "register context sources, and see and change registrations",
    "contexts:write": "host JSON-LD contexts, see and delete them",
    "rules:read": "read the alerting rules",
    "rules:write": "change the alerting rules",
    "points:till": "take and refund points as the till of a member shop",
    "points:own": "see and use your own points",
    "tags:own": "register watch tags for you and your family, and, with your consent, see where they are",
    "points:wallet": "see and use the points of residents who have consented to it",
    "points:staff": "enrol residents and shops, change earning rules, hand out grants",
    "points:treasury": "fund campaigns, sell points, close days, settle shops, prove the books",
    "buses:read": "see the buses' plans and ask what could be promised",
    "buses:appointments": "tell the buses of patients' appointments, so that they ride there and back",
    "buses:drive": "see what a bus has to do, with its riders' names, and report what happened",
    "buses:ride": "book and cancel your own rides on the buses",
    "buses:write": "book and cancel rides, and report breakdowns and closed stops",
    "chargers:read": "see charging stations, sessions and the load of their sites",
    "chargers:write": "set sites' limits and priorities, and whose cards may charge",
    "chargers:command": "start, stop, unlock and configure charging stations from afar",
    "chargers:disaster": "open and close the disaster mode of charging",
    "devices:read": "read the registry of devices",
    "accounting:read": "read the accounting of what arrived",
    "devices:write": "register, approve, suspend devices and give them new secrets",
    "devices:command": "send commands to devices",
    "rejected:read": "read what was rejected, and why",
    "users:read": "see who has an account",
    "users:write": "give and take roles, suspend accounts",
    "apps:read": "see the apps that were registered",
    "apps:write": "allow or refuse what apps ask for, suspend apps",
    "audit:read": "read the audit trail",
    "usage:read": "read who used what, and how much",
    "usage:write": "set limits, quotas and targets, enter revenue",
    "catalogue:write": "say in the catalogue what the city's data sets are",
    "policies:read": "read the policy, its versions and who decided on them",
    "policies:write": "draft versions of the policy, put them in force and take them back",
    "delegations:read": "see what the city lets other governments read, and what it was given",
    "delegations:write": "let another government read the city's data, and take that back",
    "personal:read": "read entities about persons, each only with consent or on another ground of the act",
    "persons:read": "find persons, and see which records are theirs",
    "persons:write": "register persons without an account, link records to persons, confirm guardians",
    "grounds:read": "see the grounds, other than consent, on which personal data are disclosed",
    "grounds:write": "register and revoke such grounds",
    "emergencies:read": "see who looked at whose data in an emergency, and why",
    "emergencies:use": "look at one person's data in an emergency, for a limited time and with a reason",
    "emergencies:review": "judge other officers' emergency accesses afterwards",
    "searches:use": "look for a missing person who wears a tag, under one's own name, for a limited time",
    "deletions:read": "see who asks to have which data erased",
    "deletions:write": "decide about such requests",
    "opendata:read": "read open data as an app with a name and a quota of its own",
    "openid": "know who you are by a number",
    "profile": "know your name",
    "email": "know your e-mail address",
    "offline_access": "go on while you are away",
}
"""The scopes that a client can be granted, and what each is for."""

GRANTED_AT_ONCE = frozenset(
    {"opendata:read", "openid", "profile", "email", "offline_access", "buses:ride", "points:own", "tags:own"}
)
"""What an app gets by asking: open data, and what each person allows it about themselves. All else needs approval."""

_OFFICER = frozenset({"entities:read", "flood:staff", "rules:read", "devices:read", "accounting:read", "rejected:read"})

ROLES: dict[str, frozenset[str]] = {
    "administrator": frozenset(SCOPES) - GRANTED_AT_ONCE,
    "flood-officer": _OFFICER | {"rules:write"},
    "evacuation-officer": _OFFICER | {"evacuation:read", "evacuation:issue", "evacuation:manage", "shelters:run"},
    "shelter-keeper": frozenset({"shelters:run"}),
    "device-officer": _OFFICER | {"devices:write", "devices:command"},
    "charging-officer": frozenset({"chargers:read", "chargers:write", "chargers:command", "chargers:disaster"}),
    "bus-operator": frozenset({"buses:read", "buses:write", "buses:drive"}),
    "bus-driver": frozenset({"buses:drive"}),
    "bus-manager": frozenset({"buses:read"}),
    "points-manager": frozenset({"points:staff"}),
    "points-treasurer": frozenset({"points:treasury"}),
    "points-till": frozenset({"points:till"}),
    "privacy-officer": frozenset(
        {
            *("persons:read", "persons:write", "grounds:read", "grounds:write", "emergencies:read", "audit:read"),
            *("emergencies:review", "deletions:read", "deletions:write"),
        }
    ),
    "duty-officer": frozenset({"persons:read", "emergencies:read", "emergencies:use"}),
    "search-officer": frozenset({"searches:use"}),
    "auditor": frozenset({"audit:read", "usage:read", "users:read", "apps:read", "policies:read"}),
}
"""The municipality's roles, and the scopes that each brings. Whoever has none of them is a resident or a developer."""

OPEN_TYPES = frozenset(
    {
        "WaterObserved",
        "FloodMonitoring",
        "Alert",
        "WeatherObserved",
        "DamObserved",
        "FloodNotice",
        "WeatherAlert",
        "CrowdFlowObserved",
        "EVChargingStation",
        "Vehicle",
        "PointOfInterest",
        "GtfsStop",
        "GtfsRoute",
        "GtfsTrip",
    }
)
"""Entity types that are open data."""

PERSONAL_TYPES = frozenset(PERSONAL_ENTITIES)
"""Entity types about persons: the policy gives them to nobody. Only the consent gate lets single ones through."""

_EVERY = frozenset(Action)
_READ = frozenset({Action.READ})
_WRITE = frozenset({Action.WRITE})
_ANY = frozenset({"*"})
_ASSESSMENTS = frozenset({"FloodMonitoring", "Alert"})
_STAFF_ATTRIBUTES = frozenset({"suspectStage"})


def _service(name: str, action: Action, scope: str | None = None) -> Rule:
    scope = scope or f"{name}:{action}"
    return Rule(
        name=f"service-{name}-{action}",
        explanation=f"holders of the scope {scope} may {action} {name}",
        allow=True,
        actions=frozenset({action}),
        types=frozenset({f"service:{name}"}),
        scopes=frozenset({scope}),
    )


DEFAULT_POLICY = Policy(
    version="2026-11-3",
    rules=(
        Rule(
            name="personal-data",
            explanation="personal data is given to nobody but on a ground of the act, for a stated purpose",
            allow=False,
            actions=_READ,
            types=PERSONAL_TYPES,
            conceal=True,
        ),
        Rule(
            name="personal-data-is-written-by-services",
            explanation="data about persons is written by the service that holds it (bookings, points, presence), which"
            " knows whose it is and on what ground; no scope opens it to the API of entities",
            allow=False,
            actions=_EVERY,
            types=PERSONAL_TYPES,
            conceal=True,
        ),
        Rule(
            name="staff-attributes",
            explanation="staff see suspected stages at once",
            allow=True,
            actions=_READ,
            types=frozenset({"FloodMonitoring"}),
            attributes=_STAFF_ATTRIBUTES,
            scopes=frozenset({"flood:staff"}),
        ),
        Rule(
            name="not-for-residents",
            explanation="a suspected stage is shown to residents only once it has been confirmed by a second sample",
            allow=False,
            actions=_READ,
            types=frozenset({"FloodMonitoring"}),
            attributes=_STAFF_ATTRIBUTES,
        ),
        Rule(
            name="open-data",
            explanation="open data is readable by anyone",
            allow=True,
            actions=_READ,
            types=OPEN_TYPES,
        ),
        Rule(
            name="read-by-scope",
            explanation="holders of entities:read may read what is not personal",
            allow=True,
            actions=_READ,
            types=_ANY,
            scopes=frozenset({"entities:read"}),
        ),
        Rule(
            name="assessments-by-scope",
            explanation="holders of alerts:write may write assessments and alerts",
            allow=True,
            actions=_WRITE,
            types=_ASSESSMENTS,
            scopes=frozenset({"alerts:write"}),
        ),
        Rule(
            name="assessments-are-made-by-alerting",
            explanation="flood assessments and alerts are made by the city's alerting; writing one needs alerts:write",
            allow=False,
            actions=_WRITE,
            types=_ASSESSMENTS,
        ),
        Rule(
            name="write-by-scope",
            explanation="holders of entities:write may write what is not personal",
            allow=True,
            actions=_WRITE,
            types=_ANY,
            scopes=frozenset({"entities:write"}),
        ),
        _service("devices", Action.READ),
        _service("devices", Action.WRITE),
        _service("devices", Action.COMMAND),
        _service("rejected", Action.READ),
        _service("users", Action.READ),
        _service("users", Action.WRITE),
        _service("apps", Action.READ),
        _service("apps", Action.WRITE),
        _service("audit", Action.READ),
        _service("usage", Action.READ),
        _service("usage", Action.WRITE),
        _service("catalogue", Action.WRITE),
        _service("policies", Action.READ),
        _service("policies", Action.WRITE),
        _service("delegations", Action.READ),
        _service("delegations", Action.WRITE),
        _service("personal", Action.READ),
        _service("persons", Action.READ),
        _service("persons", Action.WRITE),
        _service("grounds", Action.READ),
        _service("grounds", Action.WRITE),
        _service("emergencies", Action.READ),
        _service("emergencies", Action.WRITE, "emergencies:use"),
        _service("emergency-reviews", Action.WRITE, "emergencies:review"),
        _service("tags-own", Action.WRITE, "tags:own"),
        _service("searches", Action.WRITE, "searches:use"),
        _service("deletions", Action.READ),
        _service("deletions", Action.WRITE),
        _service("accounting", Action.READ),
        _service("decisions", Action.READ, "flood:staff"),
        _service("rules", Action.READ),
        _service("rules", Action.WRITE),
        _service("evacuation", Action.READ),
        _service("evacuation", Action.WRITE, "evacuation:issue"),
        _service("evacuation-districts", Action.WRITE, "evacuation:manage"),
        _service("cameras", Action.WRITE, "cameras:write"),
        _service("shelters", Action.READ, "shelters:run"),
        _service("shelters", Action.WRITE, "shelters:run"),
        Rule(
            name="evacuation-public",
            explanation="notices in force and the districts' borders are open",
            allow=True,
            actions=_READ,
            types=frozenset({"service:evacuation-public"}),
        ),
        _service("points-till", Action.WRITE, "points:till"),
        _service("points-own", Action.READ, "points:own"),
        _service("points-own", Action.WRITE, "points:own"),
        _service("points-wallet", Action.WRITE, "points:wallet"),
        Rule(
            name="points-desk",
            explanation="the points' staff and treasurers see shops and funds",
            allow=True,
            actions=_READ,
            types=frozenset({"service:points-desk"}),
            scopes=frozenset({"points:staff", "points:treasury"}),
        ),
        _service("points-staff", Action.READ, "points:staff"),
        _service("points-staff", Action.WRITE, "points:staff"),
        _service("points-treasury", Action.READ, "points:treasury"),
        _service("points-treasury", Action.WRITE, "points:treasury"),
        _service("buses", Action.READ),
        _service("buses", Action.WRITE),
        _service("bus-appointments", Action.WRITE, "buses:appointments"),
        _service("bus-driving", Action.READ, "buses:drive"),
        _service("bus-driving", Action.WRITE, "buses:drive"),
        _service("bus-rides", Action.READ, "buses:ride"),
        _service("bus-rides", Action.WRITE, "buses:ride"),
        Rule(
            name="bus-stops",
            explanation="where the buses stop and what a ride costs is open",
            allow=True,
            actions=_READ,
            types=frozenset({"service:bus-stops"}),
        ),
        _service("chargers", Action.READ),
        _service("chargers", Action.WRITE),
        _service("chargers", Action.COMMAND),
        _service("charging-disaster", Action.WRITE, "chargers:disaster"),
        _service("subscriptions", Action.WRITE),
        _service("registrations", Action.WRITE),
        _service("contexts", Action.WRITE),
    ),
)

OPEN_POLICY = Policy(
    version="conformance",
    rules=(
        Rule(
            name="conformance",
            explanation="authorisation is switched off",
            allow=True,
            actions=_EVERY,
            types=_ANY | {"service:subscriptions", "service:registrations", "service:contexts"},
        ),
    ),
)
"""Everything for everybody: only for conformance tests on loopback."""

CONFORMANCE = Subject("app", "conformance")
"""Who asks where authorisation is switched off."""
