"""bot.alerts.webhook and mail, against real servers that accept, refuse, hang or are not there."""

import datetime as dates
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.receivers import HANG, Received, mail_receiver, web_receiver
from bot.alert_addresses import mail_server
from bot.alerts.call import Call
from bot.alerts.mail import Mail
from bot.alerts.way import NotSent, Way
from bot.alerts.webhook import Webhook

RAISED = dates.datetime(2026, 3, 1, 12, tzinfo=dates.timezone.utc)
NOW = RAISED + dates.timedelta(minutes=5, seconds=20)
LINK = "https://chat.example/console/conversations/abc"
CALL = Call("Red flag", "red_flag", "T1", "K7QM-3XPA", LINK, RAISED, "Please acknowledge.")
TEXT = f"Red flag T1: conversation K7QM-3XPA, 5 min ago\n{LINK}\n\nPlease acknowledge."
SHORT_S = 0.3  # the time limit where a server hangs
LOGIN = "nurse:pass%23word@"


@asynccontextmanager
async def way_to(way: Way) -> AsyncIterator[Way]:
    yield way
    await way.close()


def webhook(received: Received, **options: Any) -> Any:
    return way_to(Webhook(f"http://127.0.0.1:{received.port}/hook/secret?key=1", **options))


def mail(received: Received, host: str = "127.0.0.1", login: str = "", scheme: str = "smtp", **options: Any) -> Any:
    url = f"{scheme}://{login}{host}:{received.port}?from=bot@a.example&to=ward@a.example,on-call@b.example"
    return way_to(Mail(mail_server(url), **options))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Of a server, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    today = dates.datetime.now(dates.timezone.utc)
    builder = builder.serial_number(1).not_valid_before(today - dates.timedelta(days=1))
    signed = builder.not_valid_after(today + dates.timedelta(days=1)).sign(key, hashes.SHA256())
    file: Path = tmp_path_factory.mktemp("certificate") / "server.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = signed.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(pem + key.private_bytes(serialization.Encoding.PEM, *form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_a_webhook_gets_the_call_and_nothing_else() -> None:
    async with web_receiver() as received, webhook(received) as way:
        assert await way.send(CALL, NOW) is None

    (request,) = received.got
    assert request["head"].startswith("POST /hook/secret?key=1 HTTP/1.1")
    assert "content-type: application/json" in request["head"].lower()
    assert request["body"] == {
        "text": TEXT,
        "kind": "red_flag",
        "tier": "T1",
        "conversation": "K7QM-3XPA",
        "link": LINK,
        "raised_at": "2026-03-01T12:00:00+00:00",
        "age_minutes": 5,
    }


@pytest.mark.parametrize("status", ["500 Oh no", "404 Not Found", "301 Moved\r\nlocation: /elsewhere", "199 Odd"])
async def test_a_webhook_that_does_not_take_it(status: str) -> None:
    async with web_receiver() as received, webhook(received) as way:
        received.behaviour = status
        with pytest.raises(NotSent, match=r"^(HTTP [1-5]\d\d|RemoteProtocolError)$"):
            await way.send(CALL, NOW)

        assert len(received.got) == 1  # and a redirect is not followed
        received.behaviour = "204 No Content"
        await way.send(CALL, NOW)


async def test_a_webhook_that_hangs_or_is_gone() -> None:
    async with web_receiver() as received, webhook(received, time_limit_s=SHORT_S) as way:
        received.behaviour = HANG
        with pytest.raises(NotSent, match=r"^(TimeoutError|ReadTimeout)$"):
            await way.send(CALL, NOW)
    async with webhook(received) as way:
        with pytest.raises(NotSent, match=r"^ConnectError$"):
            await way.send(CALL, NOW)


async def test_a_mail_says_the_call_and_nothing_else() -> None:
    async with mail_receiver() as received, mail(received) as way:
        assert await way.send(CALL, NOW) is None

    message = message_from_string(received.got[0].removesuffix("\r\n.\r\n"), policy=default)
    assert message["Subject"] == "Red flag T1: conversation K7QM-3XPA"
    assert (message["From"], message["To"]) == ("bot@a.example", "ward@a.example, on-call@b.example")
    assert message["Date"].datetime == NOW.replace(microsecond=0)
    assert message["Message-ID"].endswith("@a.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().strip().splitlines() == TEXT.splitlines()
    recipients = [line for line in received.commands if line.lower().startswith("rcpt")]
    assert [line.lower() for line in recipients] == ["rcpt to:<ward@a.example>", "rcpt to:<on-call@b.example>"]


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        ("MAIL | 550 No", "SMTPSenderRefused 550"),
        ("RCPT | 550 No", "SMTPRecipientsRefused"),
        ("DATA | 452 Full", "SMTPDataError 452"),
        (HANG, "SMTPServerDisconnected"),
    ],
)
async def test_a_mail_server_that_does_not_take_it(behaviour: str, fault: str) -> None:
    async with mail_receiver() as received, mail(received, time_limit_s=SHORT_S) as way:
        received.behaviour = behaviour
        with pytest.raises(NotSent, match=f"^{fault}$"):
            await way.send(CALL, NOW)

        assert received.got == []


async def test_a_mail_server_that_is_gone() -> None:
    async with mail_receiver() as received:
        pass
    async with mail(received) as way:
        with pytest.raises(NotSent, match=r"^ConnectionRefusedError$"):
            await way.send(CALL, NOW)


async def test_one_address_of_several_is_refused() -> None:
    async with mail_receiver() as received, mail(received) as way:
        received.behaviour = "rcpt TO:<ward@a.example> | 550 No"

        assert await way.send(CALL, NOW) == "1 of 2 addresses refused"

    assert len(received.got) == 1


@pytest.mark.parametrize("ending", ["QUIT | 500 What", "QUIT | 421 Gone"])
async def test_a_mail_that_was_taken_is_sent_whatever_comes_behind_it(ending: str) -> None:
    async with mail_receiver() as received, mail(received) as way:
        received.behaviour = ending
        assert await way.send(CALL, NOW) is None


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_mail_is_encrypted_where_the_server_can(certificate: ssl.SSLContext, scheme: str) -> None:
    """On this machine whoever has signed its certificate."""
    options = {"login": LOGIN, "scheme": scheme}
    async with mail_receiver(certificate, encrypted=scheme == "smtps") as received, mail(received, **options) as way:
        await way.send(CALL, NOW)

    assert len(received.got) == 1
    commands = [command.split()[0] for command in received.commands]
    assert ("STARTTLS" in commands) is (scheme == "smtp")
    assert commands.index("AUTH") > (commands.index("STARTTLS") if scheme == "smtp" else 0)


# Where the way leads over a network. 0.0.0.0 is reached, and is not a loopback address.


async def test_nothing_is_sent_unencrypted_over_a_network() -> None:
    async with mail_receiver() as received, mail(received, host="0.0.0.0", login=LOGIN) as way:
        with pytest.raises(NotSent, match=r"^the server offers no encryption$"):
            await way.send(CALL, NOW)

    assert [command.split()[0].upper() for command in received.commands] == ["EHLO"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_signed_is_refused(certificate: ssl.SSLContext, scheme: str) -> None:
    options = {"host": "0.0.0.0", "login": LOGIN, "scheme": scheme}
    async with mail_receiver(certificate, encrypted=scheme == "smtps") as received, mail(received, **options) as way:
        with pytest.raises(NotSent, match=r"^SSLCertVerificationError$"):
            await way.send(CALL, NOW)

    assert not any(command.startswith("AUTH") for command in received.commands)
    assert received.got == []
