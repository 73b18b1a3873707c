"""The rails the house knows; a new one is a line here, or a file beside `manual.py`."""

from collections.abc import Callable, Mapping

from cambista.funding.rails import accounts
from cambista.funding.rails.manual import ManualRail
from cambista.funding.rails.port import PayingRail, RailPort
from cambista.funding.types import Payment, Rail
from cambista.kernel.money import AssetKind
from cambista.kernel.registry import ASSETS

_FIAT = frozenset(asset.code for asset in ASSETS.values() if asset.kind is AssetKind.FIAT)
_ACROSS_BANKS = ("bank", "paid_on", "reference")


def _bank(
    name: str,
    *assets: str,
    read: Callable[[str], str | None] = accounts.free_text,
    names_payer: bool = True,
    key_fields: tuple[str, ...] = ("reference",),
) -> RailPort:
    return ManualRail(Rail(name, frozenset(assets), names_payer, key_fields), read)


def _chain(name: str, *assets: str, read: Callable[[str], str | None]) -> RailPort:
    return ManualRail(Rail(name, frozenset(assets), names_payer=False, chain=True), read)


RAILS: Mapping[str, RailPort] = {
    rail.facts.name: rail
    for rail in (
        _bank("pse", "COP"),
        _bank("bre_b", "COP"),
        _bank("ach", "COP", "USD"),
        _bank("nequi", "COP", read=accounts.colombian_mobile),
        _bank("daviplata", "COP", read=accounts.colombian_mobile),
        _bank("pago_movil", "VES", key_fields=_ACROSS_BANKS),
        _bank("transferencia_ve", "VES", key_fields=_ACROSS_BANKS),
        _bank("zelle", "USD"),
        _bank("wire", "USD", "EUR"),
        _bank("sepa", "EUR"),
        _bank("pix", "BRL"),
        _bank("spei", "MXN", read=accounts.clabe),
        _bank("cbu", "ARS", read=accounts.cbu),
        _bank("cci", "PEN", read=accounts.digits(least=20, most=20)),
        _bank("tef", "CLP"),
        _bank("qr_simple", "BOB"),
        _bank("bank_transfer", *_FIAT, key_fields=_ACROSS_BANKS),
        _bank("cash", *_FIAT, names_payer=False),
        _chain("tron", "USDT", read=accounts.tron),
        _chain("ethereum", "USDT", "USDC", "ETH", read=accounts.ethereum),
        _chain("polygon", "USDT", "USDC", read=accounts.ethereum),
        _chain("bsc", "USDT", "USDC", read=accounts.ethereum),
        _chain("solana", "USDT", "USDC", read=accounts.solana),
        _chain("bitcoin", "BTC", read=accounts.bitcoin),
    )
}

__all__ = ["RAILS", "PayingRail", "Payment", "RailPort"]
