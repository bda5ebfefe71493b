"""The channel `mail`: a plain-text message over SMTP."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from schemas.clock import JST, Clock, utc_now
from schemas.river import Mode
from services.notify.channel import NotDelivered
from services.notify.settings import NotifySettings

_PERMANENT = 500


class MailChannel:
    """One SMTP connection for each mail, in a worker thread."""

    def __init__(self, settings: NotifySettings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. A mailbox that does not exist is final; everything else is tried again."""
        if not self._settings.smtp_host:
            raise NotDelivered("no mail server is set (CITYOS_NOTIFY_SMTP_HOST)")
        message = self._message(subscriber, notice)
        try:
            await asyncio.to_thread(self._deliver, message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            reason = f"the mail server refused the recipient: {code} {text.decode(errors='replace')}"
            raise NotDelivered(reason, final=code >= _PERMANENT) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error

    def _message(self, subscriber: Subscriber, notice: Notice) -> EmailMessage:
        settings = self._settings
        message = EmailMessage()
        try:
            message["From"] = Address(addr_spec=settings.mail_from)
            message["To"] = Address(addr_spec=subscriber.target)
        except (ValueError, IndexError) as error:
            raise NotDelivered(f"{subscriber.target!r} is no mail address: {error}", final=True) from error
        message["Subject"] = " ".join(notice.subject.split())
        message["Date"] = format_datetime(self._clock().astimezone(JST))
        domain = settings.mail_from.rsplit("@", 1)[-1]
        message["Message-ID"] = f"<{notice.id}.{subscriber.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        if notice.mode is not Mode.ACTUAL:
            message["X-City-Status"] = notice.mode.value
        message.set_content(notice.text)
        return message

    def _deliver(self, message: EmailMessage) -> None:
        settings = self._settings
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=settings.timeout_s) as server:
            if settings.smtp_starttls:
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(message)

    async def close(self) -> None:
        """Nothing is kept open."""
