"""A letter in the form of the mails (RFC 5322): plain text, and HTML beside it."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

from cambista.notifications.types import Letter


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """The letter as a mail. Raises ValueError where an address is none; headers cannot be injected."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = _address(letter.to)
    mail["Subject"] = letter.subject
    # The same for each try, so that a mailbox can tell a repeat.
    mail["Message-ID"] = f"<{letter.id}@{_address(sender).domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
    return mail


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    user, at, domain = address.rpartition("@")
    if not (user and at and domain) or text.count("@") != 1 or any(sign in text for sign in "\r\n"):
        raise ValueError("not an address")
    return Address(name, user, domain)
