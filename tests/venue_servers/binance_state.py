"""What a local Binance keeps: a book, orders, fills and balances of one account; the messages it makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
FEE = Decimal("0.001")


class No(Exception):
    """The venue's refusal: its code and message."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def text(value: Decimal) -> str:
    return f"{value:.8f}"


@dataclass
class Order:
    """One order of the account."""

    id: int
    client_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    at: int
    filled: Decimal = ZERO
    spent: Decimal = ZERO
    status: str = "NEW"
    fills: list[dict[str, Any]] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")

    def told(self) -> dict[str, Any]:
        """As answered to a question about it."""
        return {
            "symbol": self.symbol,
            "orderId": self.id,
            "orderListId": -1,
            "clientOrderId": self.client_id,
            "price": text(self.price),
            "origQty": text(self.quantity),
            "executedQty": text(self.filled),
            "cummulativeQuoteQty": text(self.spent),
            "status": self.status,
            "timeInForce": self.time_in_force,
            "type": self.type,
            "side": self.side,
            "stopPrice": "0.00000000",
            "icebergQty": "0.00000000",
            "time": self.at,
            "updateTime": self.at,
            "isWorking": True,
            "workingTime": self.at,
            "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "NONE",
        }

    def answered(self) -> dict[str, Any]:
        """As answered to placing it, in full."""
        told = self.told()
        for name in ("time", "updateTime", "isWorking", "stopPrice", "icebergQty"):
            del told[name]
        fills = [
            {
                "price": each["price"],
                "qty": each["qty"],
                "commission": each["commission"],
                "commissionAsset": each["commissionAsset"],
                "tradeId": each["id"],
            }
            for each in self.fills
        ]
        return told | {"transactTime": self.at, "fills": fills}


class Exchange:
    """One symbol's market and one account in it: BTCUSDT, money of both kinds, fees of 10 bps in what is received."""

    SYMBOL, BASE, QUOTE = "BTCUSDT", "BTC", "USDT"
    TICK, LOT, LEAST, LEAST_NOTIONAL = Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(10)

    def __init__(self) -> None:
        self.free = {self.BASE: Decimal(10), self.QUOTE: Decimal(1_000_000)}
        self.locked = {self.BASE: ZERO, self.QUOTE: ZERO}
        self.bids: dict[Decimal, Decimal] = {Decimal(price): Decimal(1) for price in (49_999, 49_998, 49_990)}
        self.asks: dict[Decimal, Decimal] = {Decimal(price): Decimal(1) for price in (50_001, 50_002, 50_010)}
        self.update_id = 1_000
        self.orders: list[Order] = []
        self.trades: list[dict[str, Any]] = []
        self.executions: list[dict[str, Any]] = []
        self.placed = 0

    def place(self, asked: dict[str, str], now: int) -> Order:
        """Take an order, or raise No. A client id is refused again only while its order is open, as at Binance."""
        client_id = asked.get("newClientOrderId", f"server{len(self.orders)}")
        if any(order.open and order.client_id == client_id for order in self.orders):
            raise No(-2010, "Duplicate order sent.")
        kind, price = asked["type"], Decimal(asked.get("price", "0"))
        order = Order(
            100 + len(self.orders),
            client_id,
            asked["symbol"],
            asked["side"],
            kind,
            asked.get("timeInForce", "GTC"),
            price,
            Decimal(asked["quantity"]),
            now,
        )
        self._check(order)
        if kind == "LIMIT_MAKER" and self._crossing(order):
            raise No(-2010, "Order would immediately match and take.")
        self._lock(order)
        self.orders.append(order)
        self.placed += 1
        self._tell(order, "NEW", now)
        self._match(order, now)
        return order

    def _check(self, order: Order) -> None:
        if order.symbol != self.SYMBOL:
            raise No(-1121, "Invalid symbol.")
        if order.quantity < self.LEAST or order.quantity % self.LOT:
            raise No(-1013, "Filter failure: LOT_SIZE")
        if order.type != "MARKET":
            if order.price <= 0 or order.price % self.TICK:
                raise No(-1013, "Filter failure: PRICE_FILTER")
            if order.price * order.quantity < self.LEAST_NOTIONAL:
                raise No(-1013, "Filter failure: NOTIONAL")

    def _lock(self, order: Order) -> None:
        asset = self.QUOTE if order.side == "BUY" else self.BASE
        need = (
            order.quantity if order.side == "SELL" else order.quantity * (order.price or max(self.asks, default=ZERO))
        )
        if self.free[asset] < need:
            raise No(-2010, "Account has insufficient balance for requested action.")
        self.free[asset] -= need
        self.locked[asset] += need

    def _crossing(self, order: Order) -> list[Decimal]:
        if order.side == "BUY":
            return sorted(price for price in self.asks if order.type == "MARKET" or price <= order.price)
        return sorted((price for price in self.bids if order.type == "MARKET" or price >= order.price), reverse=True)

    def _match(self, order: Order, now: int) -> None:
        side = self.asks if order.side == "BUY" else self.bids
        prices = self._crossing(order)
        whole = sum((side[price] for price in prices), ZERO) >= order.quantity
        if order.time_in_force == "FOK" and not whole:
            self._end(order, "EXPIRED", now)
            return
        for price in prices:
            quantity = min(side[price], order.quantity - order.filled)
            if quantity:
                self.fill(order, quantity, price, now)
                side[price] -= quantity
                if not side[price]:
                    del side[price]
        if order.open and (order.type == "MARKET" or order.time_in_force == "IOC"):
            self._end(order, "EXPIRED", now)

    def fill(self, order: Order, quantity: Decimal, price: Decimal, now: int, *, maker: bool = False) -> None:
        """Execute part of an order."""
        base, quote, buys = self.BASE, self.QUOTE, order.side == "BUY"
        received, asset = (quantity, base) if buys else (quantity * price, quote)
        fee = received * FEE
        if buys:
            unit = order.price or max(self.asks, default=price)
            self.locked[quote] -= quantity * unit
            self.free[quote] += quantity * (unit - price)
        else:
            self.locked[base] -= quantity
        self.free[asset] += received - fee
        order.filled += quantity
        order.spent += quantity * price
        order.status = "FILLED" if order.filled == order.quantity else "PARTIALLY_FILLED"
        trade = {
            "symbol": order.symbol,
            "id": 5_000 + len(self.trades),
            "orderId": order.id,
            "orderListId": -1,
            "price": text(price),
            "qty": text(quantity),
            "quoteQty": text(quantity * price),
            "commission": text(fee),
            "commissionAsset": asset,
            "time": now,
            "isBuyer": buys,
            "isMaker": maker,
            "isBestMatch": True,
        }
        self.trades.append(trade)
        order.fills.append(trade)
        self._tell(order, "TRADE", now, trade)

    def cancel(self, order: Order, now: int) -> None:
        self._end(order, "CANCELED", now)

    def _end(self, order: Order, status: str, now: int) -> None:
        asset = self.QUOTE if order.side == "BUY" else self.BASE
        left = order.quantity - order.filled
        unit = (order.price or max(self.asks, default=ZERO)) if order.side == "BUY" else Decimal(1)
        rest = min(left * unit, self.locked[asset])
        self.locked[asset] -= rest
        self.free[asset] += rest
        order.status = status
        self._tell(order, status, now)

    def find(self, client_id: str) -> Order:
        """The newest order of that id."""
        for order in reversed(self.orders):
            if order.client_id == client_id:
                return order
        raise No(-2013, "Order does not exist.")

    def _tell(self, order: Order, kind: str, now: int, trade: dict[str, Any] | None = None) -> None:
        cancelled = kind == "CANCELED"
        self.executions.append(
            {
                "e": "executionReport",
                "E": now,
                "s": order.symbol,
                "c": f"cancel{order.id}" if cancelled else order.client_id,
                "S": order.side,
                "o": order.type,
                "f": order.time_in_force,
                "q": text(order.quantity),
                "p": text(order.price),
                "P": text(ZERO),
                "x": kind,
                "X": order.status,
                "r": "NONE",
                "i": order.id,
                "l": trade["qty"] if trade else text(ZERO),
                "z": text(order.filled),
                "L": trade["price"] if trade else text(ZERO),
                "n": trade["commission"] if trade else "0",
                "N": trade["commissionAsset"] if trade else None,
                "T": now,
                "t": trade["id"] if trade else -1,
                "w": order.open,
                "m": bool(trade and trade["isMaker"]),
                "O": order.at,
                "Z": text(order.spent),
                "C": order.client_id if cancelled else "",
            }
        )

    def change(self, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]], now: int) -> dict[str, Any]:
        """Change levels of the book (quantity zero: gone); the `depthUpdate` that says so."""
        first = self.update_id + 1
        for side, rows in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in rows:
                self.update_id += 1
                if Decimal(quantity):
                    side[Decimal(price)] = Decimal(quantity)
                else:
                    side.pop(Decimal(price), None)
        return {
            "e": "depthUpdate",
            "E": now,
            "s": self.SYMBOL,
            "U": first,
            "u": self.update_id,
            "b": [list(row) for row in bids],
            "a": [list(row) for row in asks],
        }

    def depth(self) -> dict[str, Any]:
        return {
            "lastUpdateId": self.update_id,
            "bids": [[text(price), text(self.bids[price])] for price in sorted(self.bids, reverse=True)],
            "asks": [[text(price), text(self.asks[price])] for price in sorted(self.asks)],
        }

    def account(self) -> dict[str, Any]:
        rate = {"maker": text(FEE), "taker": text(FEE), "buyer": text(ZERO), "seller": text(ZERO)}
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rate,
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": 123456789,
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": text(self.free[asset]), "locked": text(self.locked[asset])}
                for asset in self.free
            ],
            "permissions": ["SPOT"],
            "uid": 354937868,
        }

    def exchange_info(self, now: int) -> dict[str, Any]:
        price = {"minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": text(self.TICK)}
        lot = {"minQty": text(self.LEAST), "maxQty": "9000.00000000", "stepSize": text(self.LOT)}
        notional = {"minNotional": text(self.LEAST_NOTIONAL), "applyMinToMarket": True, "avgPriceMins": 5}
        filters = [
            {"filterType": "PRICE_FILTER"} | price,
            {"filterType": "LOT_SIZE"} | lot,
            {"filterType": "NOTIONAL"} | notional,
        ]
        symbol = {
            "symbol": self.SYMBOL,
            "status": "TRADING",
            "baseAsset": self.BASE,
            "baseAssetPrecision": 8,
            "quoteAsset": self.QUOTE,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": True,
            "filters": filters,
            "permissions": ["SPOT"],
        }
        limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]
        return {"timezone": "UTC", "serverTime": now, "rateLimits": limits, "exchangeFilters": [], "symbols": [symbol]}
