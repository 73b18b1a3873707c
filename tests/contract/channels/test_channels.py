"""What every channel must pass, and how those to real servers behave when the servers do not."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from cambista.notifications import ChannelPort, Letter, SmtpSettings, TwilioSettings, Undeliverable
from cambista.notifications.channels import FolderChannel, SmtpChannel, TwilioChannel
from tests.contract.channels.mail_server import PASSWORD, USER, MailServer, running_mail_server, self_signed
from tests.contract.channels.twilio_service import ACCOUNT, SENDER, TOKEN, Service, running_twilio

ID = UUID("0199a3c0-7b3f-7c1e-8d2f-4a5b6c7d8e9f")
SMS = Letter(ID, "+573001234567", "", "Cambista: su código es 123456. ¡No lo comparta!")
MAIL = Letter(ID, "ana@example.com", "Su código – año nuevo", "Hola:\n\nñandú\n", "<p>Hola: ñandú</p>")


Twilio = Callable[..., TwilioChannel]


@dataclass(slots=True)
class World:
    """A channel, a letter it can take, and what has arrived on the other side (texts)."""

    channel: ChannelPort
    letter: Letter
    arrived: Callable[[], list[str]]


def twilio_to(service: Service, **given: object) -> TwilioChannel:
    settings = {"url": service.url, "account": ACCOUNT, "token": SecretStr(TOKEN), "sender": SENDER, "timeout_s": 2.0}
    return TwilioChannel(TwilioSettings(**{**settings, **given}))  # type: ignore[arg-type]


def smtp(server: MailServer, **given: object) -> SmtpChannel:
    settings = {"host": "localhost", "port": server.port, "security": "plain", "timeout_s": 2.0}
    return SmtpChannel(SmtpSettings(**{**settings, **given}))  # type: ignore[arg-type]


@pytest.fixture(params=["smtp", "twilio", "folder_mail", "folder_sms"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    name: str = request.param
    folder = tmp_path / "letters"
    if name == "smtp":
        async with running_mail_server() as server:
            channel: ChannelPort = smtp(server)
            yield World(channel, MAIL, lambda: [str(each.get_body(("plain",))) for each in server.letters])
            await channel.close()
    elif name == "twilio":
        async with running_twilio() as service:
            channel = twilio_to(service)
            yield World(channel, SMS, lambda: [each["body"] for each in service.messages])
            await channel.close()
    else:
        suffix, letter = (".eml", MAIL) if name == "folder_mail" else (".txt", SMS)
        yield World(FolderChannel(folder, suffix, 10), letter, lambda: [each.read_text() for each in _files(folder)])


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


# ---------------------------------------------------------------------------------------------------- all of them
async def test_a_letter_arrives_once(world: World) -> None:
    await world.channel.send(world.letter)
    assert len(world.arrived()) == 1


async def test_letters_side_by_side_all_arrive(world: World) -> None:
    letters = [
        Letter(uuid4(), world.letter.to, world.letter.subject, f"{world.letter.text} {n}", world.letter.html)
        for n in range(5)
    ]
    await asyncio.gather(*(world.channel.send(each) for each in letters))
    assert len(world.arrived()) == 5


async def test_closing_twice_harms_nobody(world: World) -> None:
    await world.channel.close()
    await world.channel.close()


# ---------------------------------------------------------------------------------------------------- mail
@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    async with running_mail_server() as server:
        yield server


async def _fails(channel: ChannelPort, letter: Letter) -> Undeliverable:
    with pytest.raises(Undeliverable) as failed:
        await channel.send(letter)
    return failed.value


async def test_a_mail_holds_both_forms_and_says_who_it_is_from(mail_server: MailServer) -> None:
    await smtp(mail_server, sender="Casa de Cambio <casa@example.com>").send(MAIL)
    [mail] = mail_server.letters
    assert (mail["From"], mail["To"]) == ("Casa de Cambio <casa@example.com>", "ana@example.com")
    assert mail["Subject"] == MAIL.subject
    assert mail["Message-ID"] == f"<{ID}@example.com>"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == MAIL.text
    assert "ñandú" in html.get_content()


@pytest.mark.parametrize(("said", "again"), (("451 try later", True), ("421 closing", True), ("554 no", False)))
async def test_what_the_mail_server_says_decides_about_another_try(
    mail_server: MailServer, said: str, again: bool
) -> None:
    mail_server.script = [said]
    assert (await _fails(smtp(mail_server), MAIL)).again is again
    assert mail_server.letters == []


async def test_a_mailbox_that_is_not_there_is_given_up(mail_server: MailServer) -> None:
    failed = await _fails(smtp(mail_server), Letter(ID, "nobody@example.com", "x", "y"))
    assert (failed.code, failed.again) == ("recipient_refused", False)


async def test_a_mail_server_that_says_nothing_is_left_at_the_deadline(mail_server: MailServer) -> None:
    mail_server.script = ["slow"]
    failed = await _fails(smtp(mail_server, timeout_s=0.2), MAIL)
    assert (failed.code, failed.again) == ("timeout", True)


async def test_a_mail_server_that_is_not_there_may_come_back(mail_server: MailServer) -> None:
    failed = await _fails(smtp(mail_server, port=1), MAIL)
    assert (failed.code, failed.again) == ("unreachable", True)


@pytest.mark.parametrize(
    "to", ("", "ana", "@example.com", "a@b\r\nBcc: all@example.com", "a@example.com, b@example.com")
)
async def test_an_address_that_is_none_sends_nothing(mail_server: MailServer, to: str) -> None:
    failed = await _fails(smtp(mail_server), Letter(ID, to, "x", "y"))
    assert (failed.code, failed.again) == ("address_invalid", False)
    assert mail_server.letters == []


async def test_a_subject_cannot_add_headers(mail_server: MailServer) -> None:
    failed = await _fails(smtp(mail_server), Letter(ID, "ana@example.com", "x\r\nBcc: all@example.com", "y"))
    assert (failed.code, failed.again) == ("address_invalid", False)


async def test_with_starttls_the_letter_and_the_password_are_encrypted(tmp_path: Path) -> None:
    certificate, context = self_signed(tmp_path)
    async with running_mail_server(context) as server:
        login = {"security": "starttls", "username": USER, "password": SecretStr(PASSWORD)}
        await smtp(server, ca_file=certificate, **login).send(MAIL)
        assert server.secured == [True]
        wrong = smtp(server, ca_file=certificate, **{**login, "password": SecretStr("guess")})
        assert (await _fails(wrong, MAIL)).code == "login_refused"
        # A certificate nobody vouches for is not believed.
        assert (await _fails(smtp(server, **login), MAIL)).again is True
        assert len(server.letters) == 1


async def test_starttls_that_is_not_offered_is_no_reason_to_speak_plainly(mail_server: MailServer) -> None:
    failed = await _fails(smtp(mail_server, security="starttls"), MAIL)
    assert failed.again is True
    assert mail_server.letters == []


# ---------------------------------------------------------------------------------------------------- SMS
@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with running_twilio() as running:
        yield running


@pytest.fixture
async def twilio(service: Service) -> AsyncIterator[Twilio]:
    """Makes channels to the service."""
    async with AsyncExitStack() as stack:

        def make(**given: object) -> TwilioChannel:
            channel = twilio_to(service, **given)
            stack.push_async_callback(channel.close)
            return channel

        yield make


async def test_a_message_says_from_whom_to_whom_and_what(service: Service, twilio: Twilio) -> None:
    await twilio().send(SMS)
    [message] = service.messages
    assert (message["from"], message["to"], message["body"]) == (SENDER, SMS.to, SMS.text)


@pytest.mark.parametrize("said", ("429", "503"))
async def test_a_service_that_has_enough_says_when_to_come_back(service: Service, twilio: Twilio, said: str) -> None:
    service.script = [said]
    failed = await _fails(twilio(), SMS)
    assert (failed.code, failed.again, failed.after_s) == (f"sms_{said}", True, 7.0)
    assert service.posts == 1


async def test_a_refused_number_is_given_up_and_a_refused_password_is_not(service: Service, twilio: Twilio) -> None:
    service.script = ["400"]
    assert (await _fails(twilio(), SMS)).again is False
    wrong = twilio(token=SecretStr("guess"))
    failed = await _fails(wrong, SMS)
    assert (failed.code, failed.again) == ("sms_401", True)
    assert service.messages == []


@pytest.mark.parametrize("said", ("cut", "taken500"))
async def test_a_message_that_was_taken_without_an_answer_is_sent_once(
    service: Service, twilio: Twilio, said: str
) -> None:
    service.script = [said]
    await twilio().send(SMS)
    assert [each["body"] for each in service.messages] == [SMS.text]


@pytest.mark.parametrize("said", ("lost", "500", "slow"))
async def test_a_message_that_was_not_taken_may_be_sent_again(service: Service, twilio: Twilio, said: str) -> None:
    service.script = [said]
    channel = twilio(timeout_s=0.3)
    failed = await _fails(channel, SMS)
    assert (failed.code, failed.again) == ("not_taken", True)
    await channel.send(SMS)
    assert len(service.messages) == 1


async def test_where_nobody_says_whether_it_was_taken_it_is_not_sent_again(service: Service, twilio: Twilio) -> None:
    service.script, service.listing = ["cut"], False
    failed = await _fails(twilio(), SMS)
    assert (failed.code, failed.again) == ("unknown_fate", False)


async def test_a_service_that_is_not_there_may_come_back(service: Service, twilio: Twilio) -> None:
    failed = await _fails(twilio(url="http://127.0.0.1:1"), SMS)
    assert (failed.code, failed.again) == ("unreachable", True)


# ---------------------------------------------------------------------------------------------------- folder
async def test_files_are_for_their_owner_only_and_the_oldest_make_room(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "letters"
    channel = FolderChannel(folder, ".txt", 3)
    for number in range(5):
        await channel.send(Letter(UUID(int=number), "+573001234567", "", f"code {number}"))
    assert [each.read_text().splitlines()[-1] for each in _files(folder)] == ["code 2", "code 3", "code 4"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in _files(folder)} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_letter_sent_again_is_one_file(tmp_path: Path) -> None:
    channel = FolderChannel(tmp_path, ".eml", 10)
    await channel.send(MAIL)
    await channel.send(MAIL)
    assert [each.name for each in _files(tmp_path)] == [f"{ID}.eml"]


async def test_a_folder_that_cannot_be_written_may_be_mended(tmp_path: Path) -> None:
    blocked = tmp_path / "letters"
    os.close(os.open(blocked, os.O_CREAT | os.O_WRONLY))
    failed = await _fails(FolderChannel(blocked, ".txt", 3), SMS)
    assert (failed.code, failed.again) == ("folder_unwritable", True)
