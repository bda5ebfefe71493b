"""Which MQTT topics a filter names, and which of them somebody may use (MQTT 5.0, 4.7; the same in 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable


def valid_topic(topic: str) -> bool:
    """Whether one may publish to `topic`: not empty, no wildcard, no U+0000 (4.7.1, 4.7.3)."""
    return bool(topic) and not any(character in topic for character in "+#\0")


def valid_filter(filter: str) -> bool:
    """Whether one may subscribe to `filter`: ``#`` only as the last level, wildcards alone in theirs (4.7.1)."""
    if not filter or "\0" in filter:
        return False
    *front, last = filter.split("/")
    if any("#" in level or ("+" in level and level != "+") for level in front):
        return False
    return last in ("+", "#") or not ("+" in last or "#" in last)


def matches(filter: str, topic: str) -> bool:
    """Whether `filter` names `topic`. A leading wildcard does not name a topic that starts with ``$`` (4.7.2)."""
    return covers(filter, topic)


def covers(filter: str, other: str) -> bool:
    """Whether every topic that the filter `other` names is named by `filter` too."""
    wide, narrow = filter.split("/"), other.split("/")
    if narrow[0].startswith("$") and wide[0] in ("+", "#"):
        return False
    for index, level in enumerate(wide):
        if level == "#":
            return True
        if index >= len(narrow) or narrow[index] == "#":
            return False
        if level not in ("+", narrow[index]):
            return False
    return len(wide) == len(narrow)


def allowed(filters: Iterable[str], topic: str) -> bool:
    """Whether one who holds `filters` may publish to `topic`."""
    return valid_topic(topic) and any(matches(filter, topic) for filter in filters)


def may_subscribe(filters: Iterable[str], requested: str) -> bool:
    """Whether one who holds `filters` may subscribe to `requested`: one of them must cover all that it names."""
    return valid_filter(requested) and any(covers(filter, requested) for filter in filters)
