"""How accounts are written on each kind of rail, with the check digits that catch a mistyped one."""

import hashlib
import re
from collections.abc import Callable

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M = 0x2BC830A3
_FREE = re.compile(r"[\w@+.:/#*-][\w@+.:/#* -]{2,62}[\w@+.:/#*-]")
_SEPARATORS = re.compile(r"[ .-]")


def free_text(text: str) -> str | None:
    """Bank, number, alias, phone, e-mail: 4 to 64 letters, digits and the signs accounts are written with."""
    return text if _FREE.fullmatch(text) else None


def digits(*, least: int, most: int) -> Callable[[str], str | None]:
    """A number of `least` to `most` digits; spaces, points and dashes are dropped."""

    def read(text: str) -> str | None:
        plain = _SEPARATORS.sub("", text)
        return plain if plain.isascii() and plain.isdigit() and least <= len(plain) <= most else None

    return read


def colombian_mobile(text: str) -> str | None:
    plain = _SEPARATORS.sub("", text).removeprefix("+57")
    return plain if re.fullmatch(r"3\d{9}", plain, re.ASCII) else None


def clabe(text: str) -> str | None:
    """18 digits; the last checks the others by weights 3, 7, 1 (Banco de México)."""
    plain = digits(least=18, most=18)(text)
    if plain is None:
        return None
    total = sum(int(digit) * weight % 10 for digit, weight in zip(plain[:17], (3, 7, 1) * 6, strict=False))
    return plain if int(plain[17]) == -total % 10 else None


def cbu(text: str) -> str | None:
    """22 digits in two blocks, each with a check digit by weights 7, 1, 3, 9 (Banco Central de la República
    Argentina)."""
    plain = digits(least=22, most=22)(text)
    if plain is None:
        return None
    blocks = ((plain[:7], plain[7], (7, 1, 3, 9, 7, 1, 3)), (plain[8:21], plain[21], (3, 9, 7, 1) * 3 + (3,)))
    for block, check, weights in blocks:
        total = sum(int(digit) * weight for digit, weight in zip(block, weights, strict=True))
        if int(check) != -total % 10:
            return None
    return plain


def tron(text: str) -> str | None:
    """Base58Check of 21 bytes that begin with 0x41."""
    payload = _base58check(text)
    return text if payload is not None and len(payload) == 21 and payload[0] == 0x41 else None


def bitcoin(text: str) -> str | None:
    """A mainnet address: Base58Check (P2PKH, P2SH) or bech32 and bech32m (BIP 173, BIP 350)."""
    if text.lower().startswith("bc1"):
        return text.lower() if text in (text.lower(), text.upper()) and _is_segwit(text.lower()) else None
    payload = _base58check(text)
    return text if payload is not None and len(payload) == 21 and payload[0] in (0x00, 0x05) else None


def ethereum(text: str) -> str | None:
    return text if re.fullmatch(r"0x[0-9a-fA-F]{40}", text, re.ASCII) and int(text, 16) else None


def solana(text: str) -> str | None:
    number = _base58(text)
    return text if number is not None and len(number) == 32 else None


def _base58(text: str) -> bytes | None:
    if not 20 <= len(text) <= 50 or any(sign not in _BASE58 for sign in text):
        return None
    number = 0
    for sign in text:
        number = number * 58 + _BASE58.index(sign)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base58check(text: str) -> bytes | None:
    content = _base58(text)
    if content is None or len(content) < 5:
        return None
    payload, check = content[:-4], content[-4:]
    return payload if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] == check else None


def _is_segwit(address: str) -> bool:
    symbols = address[3:]
    if not 11 <= len(symbols) <= 71 or any(sign not in _BECH32 for sign in symbols):
        return False
    values = [_BECH32.index(sign) for sign in symbols]
    version, program = values[0], values[1:-6]
    length = len(program) * 5 // 8
    expected = 1 if version == 0 else _BECH32M
    fits = length in (20, 32) if version == 0 else 2 <= length <= 40
    return version <= 16 and fits and _bech32_sum([3, 3, 0, 2, 3, *values]) == expected


def _bech32_sum(values: list[int]) -> int:
    """The checksum polynomial of BIP 173; the human-readable part `bc` comes expanded in front."""
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATOR):
            if top >> bit & 1:
                total ^= generator
    return total
