"""What letters and short messages say, in Spanish and English. `{names}` are filled with the notice's facts."""

from collections.abc import Mapping
from typing import NamedTuple


class Text(NamedTuple):
    """A subject (empty for an SMS) and paragraphs. A paragraph that is one fact alone stands out in HTML."""

    subject: str
    paragraphs: tuple[str, ...]


TEXTS: Mapping[str, Mapping[str, Text]] = {
    "sms_code": {
        "es": Text("", ("{house}: su código es {code}. Vale {minutes} minutos. No lo comparta con nadie.",)),
        "en": Text("", ("{house}: your code is {code}. It is good for {minutes} minutes. Share it with nobody.",)),
    },
    "registration": {
        "es": Text(
            "Confirme su registro",
            (
                "Para abrir su cuenta, confirme que este correo es suyo:",
                "{link}",
                "Si no se registró usted, ignore esta carta: sin confirmación no hay cuenta.",
            ),
        ),
        "en": Text(
            "Confirm your registration",
            (
                "To open your account, confirm that this mailbox is yours:",
                "{link}",
                "If it was not you who registered, ignore this letter: nothing is opened without it.",
            ),
        ),
    },
    "already_registered": {
        "es": Text(
            "Ya tiene una cuenta",
            (
                "Alguien quiso registrar este correo, que ya tiene una cuenta. Si fue usted, entre con su contraseña.",
                "Si la olvidó, pida una nueva. Si no fue usted, no hace falta hacer nada.",
            ),
        ),
        "en": Text(
            "You have an account already",
            (
                "Somebody wanted to register this mailbox, which has an account. If it was you, log in.",
                "If you forgot the password, ask for a new one. If it was not you, nothing needs to be done.",
            ),
        ),
    },
    "password_reset": {
        "es": Text(
            "Cambie su contraseña",
            ("Para poner una contraseña nueva:", "{link}", "Si no lo pidió usted, ignore esta carta."),
        ),
        "en": Text(
            "Set a new password",
            ("To set a new password:", "{link}", "If it was not you who asked, ignore this letter."),
        ),
    },
    "invitation": {
        "es": Text("Su acceso", ("Le damos acceso. Ponga su contraseña aquí:", "{link}")),
        "en": Text("Your access", ("You are given access. Set your password here:", "{link}")),
    },
    "password_changed": {
        "es": Text(
            "Su contraseña cambió",
            ("La contraseña de su cuenta cambió, y las demás sesiones se cerraron.", "Si no fue usted, escríbanos ya."),
        ),
        "en": Text(
            "Your password changed",
            ("Your account's password changed, and other sessions were ended.", "If it was not you, write to us now."),
        ),
    },
    "password_expired": {
        "es": Text("Su contraseña venció", ("Su contraseña es demasiado vieja. Ponga una nueva:", "{link}")),
        "en": Text("Your password has expired", ("Your password is too old. Set a new one:", "{link}")),
    },
    "new_device": {
        "es": Text(
            "Entrada desde un dispositivo nuevo",
            (
                "Se entró a su cuenta desde un dispositivo nuevo: {device}, dirección {address}.",
                "Si no fue usted, cambie su contraseña ahora y cierre sus sesiones.",
            ),
        ),
        "en": Text(
            "Login from a new device",
            (
                "Your account was opened from a new device: {device}, address {address}.",
                "If it was not you, change your password now and end your sessions.",
            ),
        ),
    },
    "second_factor_changed": {
        "es": Text(
            "Cambió un segundo factor de su cuenta",
            (
                "En su cuenta se {change} un segundo factor: {factor}.",
                "Si no fue usted, cambie su contraseña ahora, cierre sus sesiones y escríbanos.",
            ),
        ),
        "en": Text(
            "A second factor of your account changed",
            (
                "A second factor of your account was {change}: {factor}.",
                "If it was not you, change your password now, end your sessions and write to us.",
            ),
        ),
    },
    "second_factor_guessed": {
        "es": Text(
            "Alguien prueba códigos en su cuenta",
            (
                "Se mostraron varios segundos factores equivocados en su cuenta, después de la contraseña correcta.",
                "Si no fue usted, alguien conoce su contraseña: cámbiela ahora.",
            ),
        ),
        "en": Text(
            "Somebody is trying codes on your account",
            (
                "Several wrong second factors were shown for your account, after the right password.",
                "If it was not you, somebody knows your password: change it now.",
            ),
        ),
    },
    "recovery_code_used": {
        "es": Text(
            "Se usó un código de recuperación",
            (
                "Se entró a su cuenta con un código de recuperación. Le quedan {left}.",
                "Si no fue usted, cambie su contraseña ahora y genere códigos nuevos.",
            ),
        ),
        "en": Text(
            "A recovery code was used",
            (
                "A recovery code was used on your account. You have {left} left.",
                "If it was not you, change your password now and make new codes.",
            ),
        ),
    },
}

# Facts that are words of ours, not of the person, in the letter's language.
WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "added": "agregó", "removed": "quitó", "renewed": "renovó", "totp": "aplicación de códigos", "sms": "SMS",
        "passkey": "llave de acceso", "recovery": "códigos de recuperación",
    },
    "en": {
        "added": "added", "removed": "removed", "renewed": "renewed", "totp": "authenticator app", "sms": "SMS",
        "passkey": "passkey", "recovery": "recovery codes",
    },
}  # fmt: skip
TRANSLATED = frozenset({"change", "factor"})
GREETING: Mapping[str, str] = {"es": "Hola:", "en": "Hello,"}
CLOSING: Mapping[str, str] = {
    "es": "{house}. Esta carta es automática; nunca le pediremos su contraseña ni un código.",
    "en": "{house}. This letter is automatic; we never ask for your password or a code.",
}
