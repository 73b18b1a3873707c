"""Every text of the console, in Spanish and English. mypy sees to it that neither language lacks one."""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language of the console; the first is the default."""

    ES = "es"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The console's texts in one language; `{…}` marks what is filled in."""

    language_name: str
    tagline: str
    # sign-in
    sign_in_title: str
    sign_in_lead: str
    sign_in_key: str
    sign_in_hint: str
    sign_in_button: str
    sign_in_refused: str
    sign_in_role_refused: str
    sign_in_locked: str
    sign_in_away: str
    sign_in_ended: str
    sign_out: str
    # header
    desk: str
    branch: str
    utc: str
    local_time: str
    theme: str
    language: str
    connected: str
    stale: str
    too_many_desks: str
    # figures of the day
    trades_today: str
    volume_today: str
    spread_today: str
    fees_today: str
    inventory: str
    balanced: str
    not_balanced: str
    not_counted: str
    # prices
    prices: str
    bid: str
    ask: str
    mid: str
    spread: str
    sources: str
    source_one: str
    source_many: str
    no_price: str
    change: str
    interval_live: str
    chart_waiting: str
    open_: str
    high: str
    low: str
    close: str
    # rungs
    rung_live: str
    rung_cached: str
    rung_last_recorded: str
    rung_configured: str
    # trades and quotes
    latest_trades: str
    latest_quotes: str
    no_trades: str
    no_quotes: str
    time: str
    pair: str
    side: str
    amount: str
    price: str
    total: str
    usd: str
    state: str
    buy: str
    sell: str
    quote_open: str
    quote_taken: str
    quote_expired: str
    quote_reference: str
    # tills, books, venues
    tills: str
    no_tills: str
    target: str
    held: str
    of_target: str
    trial_balance: str
    accounts: str
    venues: str
    no_venues: str
    venue_waiting: str
    venue_live: str
    venue_silent: str
    venue_failing: str
    venue_ended: str
    venue_stopped: str
    # roles
    role_operator: str
    role_treasurer: str
    role_compliance: str
    role_admin: str
    role_auditor: str


ES = Texts(
    language_name="Español",
    tagline="Casa de cambio",
    sign_in_title="Mesa de operaciones",
    sign_in_lead="Entre con su llave de operador.",
    sign_in_key="Llave de operador",
    sign_in_hint="La primera llave está en admin.key, en la carpeta de la casa.",
    sign_in_button="Entrar",
    sign_in_refused="Esa llave no abre esta puerta.",
    sign_in_role_refused="Esa llave es válida, pero su rol o su alcance no da acceso a la mesa.",
    sign_in_locked="Demasiados intentos. Espere {minutes} min y vuelva a probar.",
    sign_in_away="La casa no puede comprobar llaves en este momento. Intente de nuevo.",
    sign_in_ended="Su sesión terminó. Entre de nuevo.",
    sign_out="Salir",
    desk="Mesa",
    branch="Sucursal",
    utc="UTC",
    local_time="Bogotá",
    theme="Claro / oscuro",
    language="Idioma",
    connected="En vivo",
    stale="Sin datos nuevos desde {time}",
    too_many_desks="Hay demasiadas mesas abiertas. Cierre una y vuelva a intentar.",
    trades_today="Operaciones hoy",
    volume_today="Volumen hoy",
    spread_today="Margen ganado",
    fees_today="Comisiones",
    inventory="Inventario",
    balanced="Cuadrado",
    not_balanced="No cuadra",
    not_counted="Contando…",
    prices="Precios",
    bid="Compra",
    ask="Venta",
    mid="Medio",
    spread="Margen",
    sources="Fuentes",
    source_one="{count} fuente",
    source_many="{count} fuentes",
    no_price="Sin precio",
    change="Cambio",
    interval_live="Vivo",
    chart_waiting="La gráfica se llena a medida que llegan precios",
    open_="Apertura",
    high="Máximo",
    low="Mínimo",
    close="Cierre",
    rung_live="En vivo",
    rung_cached="En caché",
    rung_last_recorded="Último registrado",
    rung_configured="Fijado",
    latest_trades="Últimas operaciones",
    latest_quotes="Últimas cotizaciones",
    no_trades="Todavía no hay operaciones.",
    no_quotes="Todavía no hay cotizaciones.",
    time="Hora",
    pair="Par",
    side="Cliente",
    amount="Cantidad",
    price="Precio",
    total="Total",
    usd="USD",
    state="Estado",
    buy="Compra",
    sell="Vende",
    quote_open="Vigente",
    quote_taken="Tomada",
    quote_expired="Vencida",
    quote_reference="Referencia",
    tills="Cajas y exposición",
    no_tills="Las cajas están vacías.",
    target="Meta",
    held="Reservado",
    of_target="{percent} % de la meta",
    trial_balance="Balance de prueba",
    accounts="{count} cuentas",
    venues="Mercados",
    no_venues="No hay mercados conectados.",
    venue_waiting="Esperando",
    venue_live="En vivo",
    venue_silent="En silencio",
    venue_failing="Con fallas",
    venue_ended="Terminado",
    venue_stopped="Detenido",
    role_operator="Operador",
    role_treasurer="Tesorería",
    role_compliance="Cumplimiento",
    role_admin="Administración",
    role_auditor="Auditoría",
)

EN = Texts(
    language_name="English",
    tagline="Currency exchange",
    sign_in_title="Trading desk",
    sign_in_lead="Sign in with your operator key.",
    sign_in_key="Operator key",
    sign_in_hint="The first key is in admin.key, in the house's folder.",
    sign_in_button="Sign in",
    sign_in_refused="That key does not open this door.",
    sign_in_role_refused="That key is valid, but its role or scope does not reach the desk.",
    sign_in_locked="Too many attempts. Wait {minutes} min and try again.",
    sign_in_away="The house cannot check keys right now. Try again.",
    sign_in_ended="Your session has ended. Sign in again.",
    sign_out="Sign out",
    desk="Desk",
    branch="Branch",
    utc="UTC",
    local_time="Bogotá",
    theme="Light / dark",
    language="Language",
    connected="Live",
    stale="Nothing new since {time}",
    too_many_desks="Too many desks are open. Close one and try again.",
    trades_today="Trades today",
    volume_today="Volume today",
    spread_today="Spread earned",
    fees_today="Fees",
    inventory="Inventory",
    balanced="Balanced",
    not_balanced="Not balanced",
    not_counted="Counting…",
    prices="Prices",
    bid="Bid",
    ask="Ask",
    mid="Mid",
    spread="Spread",
    sources="Sources",
    source_one="{count} source",
    source_many="{count} sources",
    no_price="No price",
    change="Change",
    interval_live="Live",
    chart_waiting="The chart fills as prices arrive",
    open_="Open",
    high="High",
    low="Low",
    close="Close",
    rung_live="Live",
    rung_cached="Cached",
    rung_last_recorded="Last recorded",
    rung_configured="Configured",
    latest_trades="Latest trades",
    latest_quotes="Latest quotes",
    no_trades="No trades yet.",
    no_quotes="No quotes yet.",
    time="Time",
    pair="Pair",
    side="Client",
    amount="Amount",
    price="Price",
    total="Total",
    usd="USD",
    state="State",
    buy="Buys",
    sell="Sells",
    quote_open="Open",
    quote_taken="Taken",
    quote_expired="Expired",
    quote_reference="Reference",
    tills="Tills and exposure",
    no_tills="The tills are empty.",
    target="Target",
    held="Reserved",
    of_target="{percent}% of target",
    trial_balance="Trial balance",
    accounts="{count} accounts",
    venues="Venues",
    no_venues="No venue is connected.",
    venue_waiting="Waiting",
    venue_live="Live",
    venue_silent="Silent",
    venue_failing="Failing",
    venue_ended="Ended",
    venue_stopped="Stopped",
    role_operator="Operator",
    role_treasurer="Treasury",
    role_compliance="Compliance",
    role_admin="Administration",
    role_auditor="Audit",
)

_CATALOGUE = {Language.ES: ES, Language.EN: EN}


def texts(language: Language) -> Texts:
    """The console's texts in that language."""
    return _CATALOGUE[language]


def preferred(accept_language: str) -> Language:
    """The console's language for a browser's Accept-Language: the first of ours it names, else Spanish."""
    for part in accept_language[:200].lower().split(","):
        name = part.split(";")[0].strip()[:2]
        if name in (each.value for each in Language):
            return Language(name)
    return Language.ES
