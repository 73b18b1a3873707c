"""A local exchange that answers with recorded Binance payloads, and a local publisher that answers as told."""

import gzip
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[str], tuple[int, bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """An HTTP server on a free local port: `answer` gives status and body for a path with its query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def recorded_answers(shared_data: Path) -> Answer:
    """`exchangeInfo` and `depth` of BTC/USDT as Binance sent them; 404 for the rest."""
    samples = shared_data / "market" / "crypto" / "binance_api_samples" / "rest"
    markets = (samples / "http_spot_market_exchange_info__int.json").read_bytes()
    depth = (samples / "http_spot_market_depth__int.json").read_bytes()

    def answer(path: str) -> tuple[int, bytes]:
        if path.startswith("/api/v3/exchangeInfo"):
            return 200, markets
        if path.startswith("/api/v3/depth?") and "symbol=BTCUSDT" in path:
            return 200, depth
        return 404, b'{"code":-1121,"msg":"Invalid symbol."}'

    return answer


def captured_answers(shared_data: Path) -> Answer:
    """The start-up calls of a real Binance session of 2021: 1,695 markets and four deep books."""
    found: dict[str, bytes] = {}
    for name in ("BINANCE.0.txt.gz", "BINANCE.http.0.0.txt.gz"):
        with gzip.open(shared_data / "market" / "crypto" / "captures" / name) as lines:
            for line in lines:
                call, _, body = line.partition(b": {")
                if body:
                    url = call.partition(b" -> ")[0].decode()
                    found[url.removeprefix("https://api.binance.com").partition("&limit")[0]] = b"{" + body.strip()

    def answer(path: str) -> tuple[int, bytes]:
        for known, body in found.items():
            if path.partition("&limit")[0] == known:
                return 200, body
        return 404, b'{"code":-1121,"msg":"Invalid symbol."}'

    return answer


def towards(url: str) -> dict[str, object]:
    """What ccxt needs to talk to the local exchange instead of the real one."""
    return {"urls": {"api": {"public": f"{url}/api/v3"}}, "enableRateLimit": True}


@asynccontextmanager
async def running_exchange(shared_data: Path) -> AsyncIterator[str]:
    """The recorded exchange, for as long as the block lasts."""
    with serving(recorded_answers(shared_data)) as url:
        yield url
