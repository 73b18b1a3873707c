"""Letters and short messages to people: renders what identity has in its queue and sends it by the house's channels."""

from cambista.notifications.channels import ChannelPort, Undeliverable, open_channels
from cambista.notifications.service import Notifications
from cambista.notifications.settings import NotificationsSettings, SmtpSettings, TwilioSettings
from cambista.notifications.types import Letter

__all__ = [
    "ChannelPort",
    "Letter",
    "Notifications",
    "NotificationsSettings",
    "SmtpSettings",
    "TwilioSettings",
    "Undeliverable",
    "open_channels",
]
