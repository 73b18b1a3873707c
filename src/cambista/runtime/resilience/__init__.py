"""Resilience of calls outside: deadlines."""

from cambista.runtime.resilience.deadlines import DeadlinePassed, NotSent, within

__all__ = ["DeadlinePassed", "NotSent", "within"]
