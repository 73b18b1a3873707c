"""How the demo's customers pay in and where they are paid out: one rail an asset, with accounts it can read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Way:
    """A rail, whether it names payers, and how an account on it is written for customer number `number`."""

    rail: str
    account: str
    names_payer: bool = True

    def account_of(self, number: int) -> str:
        return self.account.format(number=number)


_ETHEREUM = Way("ethereum", "0xdec0de{number:034d}", names_payer=False)
WAYS: Mapping[str, Way] = {
    "COP": Way("pse", "21900{number:06d}"),
    "VES": Way("pago_movil", "0102 0414{number:07d}"),
    "ARS": Way("bank_transfer", "0170099{number:015d}"),
    "BRL": Way("pix", "customer{number}@example.com"),
    "MXN": Way("bank_transfer", "0021800{number:011d}"),
    "PEN": Way("bank_transfer", "0021930{number:013d}"),
    "CLP": Way("tef", "00012{number:07d}"),
    "BOB": Way("qr_simple", "10000{number:06d}"),
    "USD": Way("zelle", "customer{number}@example.com"),
    "EUR": Way("sepa", "DE00 1000 0000 {number:010d}"),
    "USDT": _ETHEREUM,
    "USDC": _ETHEREUM,
    "ETH": _ETHEREUM,
    "BTC": Way("bitcoin", "", names_payer=False),
}
