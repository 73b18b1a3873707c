"""The ground every room stands on: money, market words, ids, time, refusals, events. Pure; performs no I/O."""
