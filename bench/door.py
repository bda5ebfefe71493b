"""What the door costs: verifying a token, asking the policy, issuing a token. Prints one line each.

python -m bench.door
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from access.defaults import DEFAULT_POLICY
from access.keys import KeyRing, new_key
from access.policy import Action, Policy, Resource, Rule, Subject, decide
from access.tokens import Claims, TokenVerifier, issue

_ISSUER = "https://city.example"
_SECONDS = 1.0


def _claims(number: int) -> Claims:
    now = int(time.time())
    return Claims(iss=_ISSUER, sub="fukui.app", aud=_ISSUER, exp=now + 3600, iat=now, jti=str(number),
                  client_id="fukui.app", tenant="fukui", scope="entities:read")  # fmt: skip


def _rate(name: str, act: Callable[[int], object]) -> None:
    """Run `act` for a second, three times, and print the best: the machine is shared."""
    best = 0.0
    for _ in range(3):
        count, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < _SECONDS:
            act(count)
            count += 1
        best = max(best, count / spent)
    print(f"{name:52} {best:12,.0f}/s {1e6 / best:10.2f} us")


def main() -> None:
    ring = KeyRing([new_key()])
    tokens = [issue(ring, _claims(number)) for number in range(2000)]

    def fresh() -> TokenVerifier:
        return TokenVerifier(_ISSUER, _ISSUER, ring, lambda: datetime.now(UTC))

    known = fresh()
    known.subject(tokens[0])
    _rate("a token signed (ES256)", lambda n: issue(ring, _claims(n)))
    _rate("a token verified for the first time", lambda n: known.claims(tokens[n % len(tokens)]))
    _rate("a token seen before", lambda _n: known.subject(tokens[0]))
    subject = Subject("app", "fukui.app", "fukui", frozenset({"entities:read"}))
    resource = Resource("fukui", "ShelterStock")
    _rate("a decision of the default policy", lambda _n: decide(DEFAULT_POLICY, subject, Action.READ, resource))
    many = tuple(
        Rule(name=f"r{n}", explanation="x", allow=True, actions=frozenset({Action.READ}), types=frozenset({f"T{n}"}))
        for n in range(1000)
    )
    large = Policy(version="bench", rules=(*many, *DEFAULT_POLICY.rules))
    _rate("a decision behind 1,000 rules that do not match", lambda _n: decide(large, subject, Action.READ, resource))


if __name__ == "__main__":
    main()
