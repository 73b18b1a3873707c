"""The pages on which a customer lets a client act for it, or not: HTML without a script, in Spanish and English."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

from cambista.identity import Scope

LANGUAGES = ("es", "en")
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:26rem;"
    "padding:0 1rem}h1{font-size:1.3rem}label{display:block;margin:.8rem 0}input,select{font:inherit;width:100%;"
    "padding:.5rem;box-sizing:border-box}button{font:inherit;padding:.6rem 1.2rem;margin:.5rem .5rem 0 0}"
    ".no{background:none;border:0;text-decoration:underline}.wrong{border-left:4px solid #b3362b;padding-left:.8rem}"
    "small{opacity:.75}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_SCOPES: Mapping[str, Mapping[str, str]] = {
    "es": {
        Scope.ACCOUNTS_READ: "ver sus saldos y movimientos",
        Scope.DEPOSITS_READ: "ver sus depósitos",
        Scope.ORDERS_READ: "ver sus órdenes",
        Scope.ORDERS_WRITE: "dar órdenes en su nombre",
        Scope.PRICES_READ: "ver precios",
        Scope.QUOTES_READ: "ver sus cotizaciones",
        Scope.QUOTES_WRITE: "pedir cotizaciones en su nombre",
        Scope.TRADES_READ: "ver sus operaciones",
        Scope.TRADES_WRITE: "comprar y vender con su dinero",
        Scope.WITHDRAWALS_READ: "ver sus retiros",
        Scope.WITHDRAWALS_WRITE: "pedir retiros a cuentas de usted",
    },
    "en": {
        Scope.ACCOUNTS_READ: "see your balances and statements",
        Scope.DEPOSITS_READ: "see your deposits",
        Scope.ORDERS_READ: "see your orders",
        Scope.ORDERS_WRITE: "give orders in your name",
        Scope.PRICES_READ: "see prices",
        Scope.QUOTES_READ: "see your quotes",
        Scope.QUOTES_WRITE: "ask for quotes in your name",
        Scope.TRADES_READ: "see your trades",
        Scope.TRADES_WRITE: "buy and sell with your money",
        Scope.WITHDRAWALS_READ: "see your withdrawals",
        Scope.WITHDRAWALS_WRITE: "ask for payouts to accounts of yours",
    },
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "title": "{client} pide acceso a su cuenta en {house}",
        "may": "Si usted acepta, {client} podrá:",
        "until": "Puede retirar este permiso en cualquier momento. La contraseña no se le da a {client}.",
        "email": "Correo electrónico",
        "password": "Contraseña",
        "agree": "Entrar y aceptar",
        "decline": "No aceptar",
        "second": "Muestre su segundo factor para aceptar.",
        "method": "Con",
        "totp": "la aplicación de códigos",
        "sms": "un código por SMS",
        "recovery": "un código de recuperación",
        "code": "Código",
        "send": "Enviarme un código por SMS",
        "passkey": "En esta página no se puede usar una llave de acceso; use otro factor.",
        "wrong": "No se pudo",
        "login_failed": "El correo o la contraseña no son correctos.",
        "second_factor_wrong": "El código no es correcto, venció o ya se usó.",
        "ticket_invalid": "Pasó demasiado tiempo; empiece de nuevo.",
        "role_denied": "Solo un cliente de la casa puede aceptar.",
        "too_many_attempts": "Demasiados intentos; espere un poco.",
        "second_factor_delayed": "Demasiados intentos; espere un poco.",
        "too_many_requests": "Demasiados intentos; espere un poco.",
        "password_expired": "Su contraseña venció; cámbiela primero.",
        "invalid_request": "La aplicación que lo envió aquí no está registrada así. No siga.",
        "form_foreign": "Esta página no se abrió de forma segura. Vuelva a la aplicación y empiece de nuevo.",
        "other": "Ahora no se puede. Inténtelo más tarde.",
        "sent": "Le enviamos un código.",
    },
    "en": {
        "title": "{client} asks for access to your account at {house}",
        "may": "If you agree, {client} may:",
        "until": "You can take this back at any time. {client} does not get your password.",
        "email": "E-mail",
        "password": "Password",
        "agree": "Sign in and agree",
        "decline": "Do not agree",
        "second": "Show your second factor to agree.",
        "method": "With",
        "totp": "the authenticator app",
        "sms": "a code by SMS",
        "recovery": "a recovery code",
        "code": "Code",
        "send": "Send me a code by SMS",
        "passkey": "A passkey cannot be used on this page; use another factor.",
        "wrong": "It did not work",
        "login_failed": "E-mail or password are not right.",
        "second_factor_wrong": "The code is wrong, too old or already used.",
        "ticket_invalid": "It took too long; begin again.",
        "role_denied": "Only a customer of the house can agree.",
        "too_many_attempts": "Too many attempts; wait a little.",
        "second_factor_delayed": "Too many attempts; wait a little.",
        "too_many_requests": "Too many attempts; wait a little.",
        "password_expired": "Your password has expired; change it first.",
        "invalid_request": "The application that sent you here is not registered like that. Do not go on.",
        "form_foreign": "This page was opened in a way that is not safe. Go back to the application and begin again.",
        "other": "This is not possible now. Try again later.",
        "sent": "A code was sent to you.",
    },
}


def language_of(asked: str, accepted: str) -> str:
    """`es` or `en`: what the client asked for (`ui_locales`), else what the browser prefers, else Spanish."""
    for wish in (*asked.split(), *accepted.split(",")):
        name = wish.strip().partition(";")[0].partition("-")[0].lower()
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]


def policy(redirect_uri: str = "") -> str:
    """The Content-Security-Policy: no script, no frame; the form leads here, and from here back to the client."""
    parts = urlsplit(redirect_uri)
    back = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'{back}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


class ConsentPage:
    """One asking: who asks for what, in which language. Every text from outside is escaped."""

    def __init__(self, house: str, client: str, language: str) -> None:
        self._house, self._client, self._language = house, client, language

    def sign_in(self, hidden: Mapping[str, str], scopes: Sequence[str], wrong: str = "") -> str:
        """The first page: what is asked for, e-mail and password."""
        known = _SCOPES[self._language]
        items = "".join(f"<li>{escape(known[scope])}</li>" for scope in scopes)
        return self._form(
            hidden,
            f"<p>{self._word('may')}</p><ul>{items}</ul><p><small>{self._word('until')}</small></p>",
            self._field("email", "email", "username"),
            self._field("password", "password", "current-password"),
            wrong=wrong,
        )

    def second_factor(
        self, hidden: Mapping[str, str], methods: Sequence[str], *, wrong: str = "", is_sent: bool = False
    ) -> str:
        """The second page: a code, of one of the person's factors."""
        typed = [method for method in ("totp", "sms", "recovery") if method in methods or method == "recovery"]
        options = "".join(f"<option value={method}>{self._word(method)}</option>" for method in typed)
        parts = [
            f"<p>{self._word('sent' if is_sent else 'second')}</p>",
            f"<label>{self._word('method')}<select name=method>{options}</select></label>",
            self._field("code", "text", "one-time-code"),
        ]
        if "passkey" in methods:
            parts.append(f"<p><small>{self._word('passkey')}</small></p>")
        # After the others: the first button is the one that Enter presses.
        send = f"<button name=step value=send formnovalidate>{self._word('send')}</button>" if "sms" in methods else ""
        return self._form(hidden, *parts, wrong=wrong, last=send)

    def refused(self, code: str) -> str:
        """A page that leads nowhere."""
        return self._page(f"<p class=wrong role=alert>{self._reason(code)}</p>")

    def _form(self, hidden: Mapping[str, str], *parts: str, wrong: str, last: str = "") -> str:
        said = f"<p class=wrong role=alert>{self._reason(wrong)}</p>" if wrong else ""
        kept = "".join(
            f'<input type=hidden name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items()
        )
        return self._page(
            f"{said}<form method=post action=/oauth/consent autocomplete=on>{kept}{''.join(parts)}"
            f"<button name=decision value=agree>{self._word('agree')}</button>"
            f"<button name=decision value=decline class=no formnovalidate>{self._word('decline')}</button>"
            f"{last}</form>"
        )

    def _field(self, name: str, kind: str, autocomplete: str) -> str:
        return (
            f"<label>{self._word(name)}<input name={name} type={kind} autocomplete={autocomplete} required "
            "maxlength=1024></label>"
        )

    def _page(self, body: str) -> str:
        title = self._word("title") if self._client else escape(self._house)
        return (
            f"<!doctype html><html lang={self._language}><meta charset=utf-8><title>{title}</title>"
            f"<meta name=viewport content='width=device-width,initial-scale=1'><style>{_STYLE}</style>"
            f"<main><h1>{title}</h1>{body}</main></html>"
        )

    def _reason(self, code: str) -> str:
        words = _WORDS[self._language]
        return escape(f"{words['wrong']}. {words.get(code, words['other'])}")

    def _word(self, name: str) -> str:
        return escape(_WORDS[self._language][name].format(client=self._client, house=self._house))
