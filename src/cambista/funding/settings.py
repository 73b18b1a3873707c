"""The knobs of funding: what bounds withdrawals, and how careful deposits are taken in."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cambista.funding.types import AssetTerms, WithdrawalTerms
from cambista.kernel.money import Amount
from cambista.kernel.registry import asset


class AssetLimits(BaseModel):
    """Withdrawals of one asset, in whole assets: least and most at once, most in 24 hours, two approvers above.

    Above `step_up_above` (by default where two approve) who asks and who approves shows a second factor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: Decimal = Field(gt=0)
    maximum: Decimal = Field(gt=0)
    daily_maximum: Decimal = Field(gt=0)
    second_approver_above: Decimal = Field(ge=0)
    step_up_above: Decimal | None = Field(default=None, ge=0)


def _limits(minimum: str, maximum: str, daily_maximum: str, second_approver_above: str) -> AssetLimits:
    return AssetLimits(
        minimum=Decimal(minimum),
        maximum=Decimal(maximum),
        daily_maximum=Decimal(daily_maximum),
        second_approver_above=Decimal(second_approver_above),
    )


# About USD 50,000 at once, 100,000 a day, two approvers above 10,000.
DEFAULT_LIMITS: Mapping[str, AssetLimits] = {
    "COP": _limits("10000", "200000000", "400000000", "40000000"),
    "VES": _limits("100", "10000000", "20000000", "2000000"),
    "ARS": _limits("1000", "75000000", "150000000", "15000000"),
    "BRL": _limits("5", "250000", "500000", "50000"),
    "MXN": _limits("20", "900000", "1800000", "180000"),
    "PEN": _limits("5", "170000", "340000", "34000"),
    "CLP": _limits("1000", "47000000", "94000000", "9400000"),
    "BOB": _limits("10", "500000", "1000000", "100000"),
    "USD": _limits("1", "50000", "100000", "10000"),
    "EUR": _limits("1", "45000", "90000", "9000"),
    "USDT": _limits("1", "50000", "100000", "10000"),
    "USDC": _limits("1", "50000", "100000", "10000"),
    "BTC": _limits("0.0001", "0.5", "1", "0.1"),
    "ETH": _limits("0.001", "15", "30", "3"),
}


class FundingSettings(BaseModel):
    """`withdrawal_ttl_s`: seconds a withdrawal waits for approval. `daily_count`: withdrawals a customer may ask for in
    24 hours. `limits`: bounds that replace an asset's defaults. `review_missing_payer`: whether a deposit without a
    payer, on a rail that names payers, waits for review. `paid_within_days`: how old a payment may be when recorded.
    `kept_years`: from which day on how many years after their last payment or trade customers may not be forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    withdrawal_ttl_s: int = Field(default=7 * 86400, ge=60, le=90 * 86400)
    daily_count: int = Field(default=20, ge=1, le=10_000)
    limits: dict[str, AssetLimits] = Field(default_factory=dict)
    review_missing_payer: bool = False
    paid_within_days: int = Field(default=90, ge=1, le=3653)
    kept_years: dict[date, Annotated[int, Field(ge=0, le=50)]] = Field(default_factory=lambda: {date(2000, 1, 1): 10})

    @property
    def withdrawal_ttl(self) -> timedelta:
        return timedelta(seconds=self.withdrawal_ttl_s)

    def withdrawal_terms(self) -> WithdrawalTerms:
        """The bounds as amounts; fails on an unknown asset and on more digits than the asset has."""
        return WithdrawalTerms(
            {code: _terms(code, limits) for code, limits in {**DEFAULT_LIMITS, **self.limits}.items()}, self.daily_count
        )


def _terms(code: str, limits: AssetLimits) -> AssetTerms:
    of = asset(code)
    step_up_above = limits.second_approver_above if limits.step_up_above is None else limits.step_up_above
    return AssetTerms(
        of,
        Amount.of(f"{limits.minimum:f}", of),
        Amount.of(f"{limits.maximum:f}", of),
        Amount.of(f"{limits.daily_maximum:f}", of),
        Amount.of(f"{limits.second_approver_above:f}", of),
        Amount.of(f"{step_up_above:f}", of),
    )
