"""The ways out of the house, one a file, and which of them a house's settings choose."""

from collections.abc import Mapping
from pathlib import Path

from cambista.identity import Channel
from cambista.notifications.channels.folder import FolderChannel
from cambista.notifications.channels.port import ChannelPort, Undeliverable
from cambista.notifications.channels.smtp import SmtpChannel
from cambista.notifications.channels.twilio import TwilioChannel
from cambista.notifications.settings import NotificationsSettings

LETTERS_FOLDER = "letters"


def open_channels(settings: NotificationsSettings, home: Path) -> Mapping[Channel, ChannelPort]:
    """The channels of a house: what is not set up writes files under `home`, where a developer reads the codes."""
    folder = home / LETTERS_FOLDER
    return {
        Channel.EMAIL: SmtpChannel(settings.smtp)
        if settings.smtp.host
        else FolderChannel(folder, ".eml", settings.letters_max),
        Channel.SMS: TwilioChannel(settings.twilio)
        if settings.twilio.account
        else FolderChannel(folder, ".txt", settings.letters_max),
    }


__all__ = ["ChannelPort", "FolderChannel", "SmtpChannel", "TwilioChannel", "Undeliverable", "open_channels"]
