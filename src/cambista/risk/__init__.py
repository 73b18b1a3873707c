"""How much the house dares. Owns schema `risk`; announces RiskLimitExceeded."""

from cambista.risk.errors import DayLimitExceeded, TradeLimitExceeded
from cambista.risk.events import RiskLimitExceeded
from cambista.risk.rules import Allowance
from cambista.risk.service import Risk
from cambista.risk.settings import RiskSettings
from cambista.risk.types import DayUse, Limits, Use

__all__ = [
    "Allowance",
    "DayLimitExceeded",
    "DayUse",
    "Limits",
    "Risk",
    "RiskLimitExceeded",
    "RiskSettings",
    "TradeLimitExceeded",
    "Use",
]
