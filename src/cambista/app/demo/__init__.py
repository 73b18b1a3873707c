"""The house live in seconds: paper prices, simulated staff and customers, all over the house's own API."""

from cambista.app.demo.client import DemoFailed
from cambista.app.demo.display import Display
from cambista.app.demo.run import Options, demo_settings, run_demo
from cambista.app.demo.summary import Summary, as_json, screen

__all__ = [
    "DemoFailed",
    "Display",
    "Options",
    "Summary",
    "as_json",
    "demo_settings",
    "run_demo",
    "screen",
]
