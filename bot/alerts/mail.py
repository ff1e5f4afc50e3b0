"""Calls by e-mail."""

import asyncio
import contextlib
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from bot.alert_addresses import MailServer
from bot.alerts.call import Call
from bot.alerts.way import TIME_LIMIT_S, NotSent

THREADS = 4
STEPS = 3  # a mail takes several steps, each with the time limit of its own; this many of them may be slow


class Mail:
    """Sends calls through one mail server."""

    name = "e-mail"

    def __init__(self, server: MailServer, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._server = server
        self._time_limit_s = time_limit_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mail")

    async def send(self, call: Call, moment: datetime) -> str | None:
        """Send a call to all receivers; see `Way.send`."""
        sending = asyncio.get_running_loop().run_in_executor(self._threads, self._send, self._message(call, moment))
        try:
            refused = await asyncio.wait_for(sending, self._time_limit_s * STEPS)
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"{type(error).__name__} {error.smtp_code}") from error
        except (smtplib.SMTPException, asyncio.TimeoutError, OSError, UnicodeError) as error:
            raise NotSent(type(error).__name__) from error
        return f"{refused} of {len(self._server.receivers)} addresses refused" if refused else None

    def _message(self, call: Call, moment: datetime) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = call.title
        message["From"] = self._server.sender
        message["To"] = ", ".join(self._server.receivers)
        message["Date"] = format_datetime(moment)
        # Without a domain given, it would tell this machine's name.
        message["Message-ID"] = make_msgid(domain=self._server.sender.partition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # keeps absence notes from answering
        message.set_content(call.text(moment))
        return message

    def _send(self, message: EmailMessage) -> int:
        """Send; gives back how many receivers the server refused."""
        server = self._server
        context = _context(server)
        if server.encrypted:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=self._time_limit_s, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self._time_limit_s)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not server.encrypted and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
            elif not server.encrypted and not server.is_here:
                raise NotSent("the server offers no encryption")
            if server.user:
                smtp.login(server.user, server.password)
            refused = smtp.send_message(message, server.sender, server.receivers)
            with contextlib.suppress(smtplib.SMTPException, OSError):  # the mail is accepted, however they part
                smtp.quit()
            return len(refused)
        finally:
            smtp.close()

    async def close(self) -> None:
        """Begin no other mail; one that is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _context(server: MailServer) -> ssl.SSLContext:
    """Checks the server's certificate; that of this machine's own server mostly nobody has signed."""
    context = ssl.create_default_context()
    if server.is_here:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
