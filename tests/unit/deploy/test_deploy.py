"""What stands in front of the house lets through what the house takes, and believes nobody it should not."""

import json
import re

import pytest

from cambista.app.settings import Settings
from cambista.gateway.access import BASE, TABLE
from tests.recordings import PROJECT

DEPLOY = PROJECT / "deploy"
NGINX = re.sub(r"#[^\n]*", "", (DEPLOY / "nginx" / "cambista.conf").read_text(encoding="utf-8"))
GATEWAY = Settings(_env_file=None).gateway
SECONDS = {"s": 1, "m": 60}


def directive(name: str) -> list[str]:
    return [found.strip() for found in re.findall(rf"\b{name}\s+([^;{{}}]+);", NGINX)]


def test_nginx_is_well_formed_as_far_as_braces_go() -> None:
    depth = 0
    for each in re.sub(r'"[^"]*"', "", NGINX):
        depth += {"{": 1, "}": -1}.get(each, 0)
        assert depth >= 0
    assert depth == 0


def test_nginx_tells_the_house_the_address_it_sees_and_nothing_the_client_wrote() -> None:
    told = directive("proxy_set_header")
    said = {re.split(r"\s+", each, maxsplit=1)[0]: re.split(r"\s+", each, maxsplit=1)[1] for each in told}
    assert said["X-Forwarded-For"] == "$remote_addr"
    assert said["X-Forwarded-Proto"] == "$scheme"
    assert said["Forwarded"] == '""'
    assert not [each for each in told if "proxy_add_x_forwarded_for" in each or "$http_x" in each]


def test_nginx_takes_no_larger_bodies_and_closes_quiet_connections_before_the_house() -> None:
    assert directive("client_max_body_size") == [f"{GATEWAY.body_max_bytes // 1024}k"]
    assert int(directive("keepalive_timeout")[0].removesuffix("s")) < GATEWAY.sockets.idle_s
    assert int(directive("proxy_read_timeout")[0].removesuffix("s")) >= GATEWAY.stream_timeout_s
    assert directive("ssl_protocols") == ["TLSv1.3"]
    assert directive("proxy_next_upstream") == ["off"]


def test_nginx_limits_are_wider_than_the_houses() -> None:
    rates = {
        zone: int(number) * 60 // SECONDS[unit]
        for zone, number, unit in re.findall(r"zone=(\w+):\w+ rate=(\d+)r/(\w)", NGINX)
    }
    assert rates["cambista_address"] > GATEWAY.price_calls_per_minute + GATEWAY.open_units_per_minute
    assert rates["cambista_secrets"] >= GATEWAY.open_units_per_minute / 10


def test_what_anybody_may_call_is_reachable_and_the_rest_is_not() -> None:
    inside = re.search(r"location ~ \^/\((metrics[^)]*)\) \{", NGINX)
    assert inside
    assert set(inside[1].split("|")) >= {"metrics", "console"}
    rules = json.loads((DEPLOY / "cloudflare" / "waf-rules.json").read_text(encoding="utf-8"))["rules"]
    names = re.findall(r"location (?:~ \^|= )?(/\S+)\s+\{", NGINX)
    for path in {path for _, path in TABLE if not path.startswith(("/metrics", "/health"))}:
        assert any(re.match(name, path) for name in names), path
        assert any(f'"{prefix}"' in rules[1]["expression"] for prefix in _prefixes(path)), path


def _prefixes(path: str) -> list[str]:
    return [path, f"/{path.split('/')[1]}/", f"{BASE}/"] if path.startswith(BASE) else [path, f"/{path.split('/')[1]}/"]


@pytest.mark.parametrize("name", ("waf-rules.json", "rate-limits.json"))
def test_each_rule_of_the_cdn_says_what_it_is_for_and_balances(name: str) -> None:
    rules = json.loads((DEPLOY / "cloudflare" / name).read_text(encoding="utf-8"))["rules"]
    for rule in rules:
        assert rule["action"] == "block"
        assert rule["description"]
        plain = re.sub(r'"[^"]*"', "", rule["expression"])
        assert all(plain.count(a) == plain.count(b) for a, b in ("()", "{}", "[]"))
    assert len({rule["description"] for rule in rules}) == len(rules)


def test_the_cdns_limits_are_wider_than_the_houses() -> None:
    rules = json.loads((DEPLOY / "cloudflare" / "rate-limits.json").read_text(encoding="utf-8"))["rules"]
    prices, secrets, failures, _ = (
        rule["ratelimit"]["requests_per_period"] * 60 / rule["ratelimit"]["period"] for rule in rules
    )
    assert prices > GATEWAY.price_calls_per_minute
    assert secrets > GATEWAY.open_units_per_minute / 10
    assert failures > GATEWAY.failures_per_minute
