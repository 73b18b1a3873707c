"""The faces: REST today. Translates between the wire and the doors of the rooms; decides nothing."""

from cambista.gateway.application import create_app
from cambista.gateway.doors import Doors
from cambista.gateway.limiting.shared import SharedWindows
from cambista.gateway.settings import GatewaySettings

__all__ = ["Doors", "GatewaySettings", "SharedWindows", "create_app"]
