"""Resilience of calls outside: deadlines, retries, breakers, bulkheads, hedges; `Resilience.outside` has it all."""

from cambista.runtime.resilience.breaker import Breaker, BreakerState, BreakerTerms, CallResult, Pass
from cambista.runtime.resilience.bulkhead import Bulkhead, BulkheadFull
from cambista.runtime.resilience.calls import CircuitOpen, Outside, OutsideView, Resilience, Terms
from cambista.runtime.resilience.deadlines import DeadlinePassed, NotSent, within
from cambista.runtime.resilience.hedged import Latencies, hedged
from cambista.runtime.resilience.metrics import OutsideMetrics
from cambista.runtime.resilience.retry import Chances, RetryTerms, retrying
from cambista.runtime.resilience.shared import SharedBreakers

__all__ = [
    "Breaker",
    "BreakerState",
    "BreakerTerms",
    "Bulkhead",
    "BulkheadFull",
    "CallResult",
    "Chances",
    "CircuitOpen",
    "DeadlinePassed",
    "Latencies",
    "NotSent",
    "Outside",
    "OutsideMetrics",
    "OutsideView",
    "Pass",
    "Resilience",
    "RetryTerms",
    "SharedBreakers",
    "Terms",
    "hedged",
    "retrying",
    "within",
]
