"""What happened, added up: trades by pair and day. Owns schema `analytics`; announces nothing, listens to trading."""

from cambista.analytics.errors import SpanTooLong
from cambista.analytics.handlers import SUBSCRIPTIONS, subscriptions
from cambista.analytics.service import Analytics
from cambista.analytics.settings import AnalyticsSettings
from cambista.analytics.types import Day, PairDay

__all__ = ["SUBSCRIPTIONS", "Analytics", "AnalyticsSettings", "Day", "PairDay", "SpanTooLong", "subscriptions"]
