"""Hand a message to a mail server (RFC 6409), over a connection that nobody reads."""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from effects.http import trusting
from effects.rest import Later
from estate.channels import Security
from estate.problem import Failed, Problem, Untrusted

LIMIT = 20.0  # seconds for each command


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where it is, and who we are there."""

    name: str
    port: int
    security: Security
    login: tuple[str, str] | None
    trust: Path | None

    def take(self, message: EmailMessage, sender: str, to: Sequence[str]) -> dict[str, str]:
        """Recipients that it refused, and why; it has taken the message for all others.

        Raises Later, Untrusted, or Failed, where it has not taken it for anybody, or nobody knows.
        """
        try:
            with self._line(sender.rpartition("@")[2]) as line:
                if self.login is not None:
                    line.login(*self.login)
                refused = line.sendmail(sender, list(to), message.as_bytes())
        except smtplib.SMTPRecipientsRefused as fault:
            refused = fault.recipients
        except (smtplib.SMTPException, OSError) as fault:
            raise self._as_problem(fault) from None
        return {who: _said(*why) for who, why in refused.items()}

    @contextmanager
    def _line(self, me: str) -> Iterator[smtplib.SMTP]:
        """`me`: what we say we are; smtplib would ask DNS, which may be what is down."""
        context = trusting(self.trust)
        if self.security is Security.TLS:
            line: smtplib.SMTP = smtplib.SMTP_SSL(self.name, self.port, me, timeout=LIMIT, context=context)
        else:
            line = smtplib.SMTP(self.name, self.port, me, timeout=LIMIT)
        try:
            if self.security is Security.STARTTLS:
                line.starttls(context=context)  # a server that has none is refused, not talked to in the open
            yield line
            with suppress(smtplib.SMTPException, OSError):  # it has said by now what it has to say
                line.quit()
        finally:
            line.close()

    def _as_problem(self, fault: OSError) -> Problem:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return Untrusted(
                f"{self.name}: its certificate can't be trusted: {fault.verify_message}",
                hint="drp.trust names authorities beside the system's",
            )
        if isinstance(fault, smtplib.SMTPAuthenticationError | smtplib.SMTPNotSupportedError):
            return Untrusted(f"{self.name} does not let us in: {_words(fault)}", hint="look at user and password")
        if isinstance(fault, smtplib.SMTPResponseException) and 500 <= fault.smtp_code < 600:
            return Failed(f"{self.name} refused: {_words(fault)}", hint="look at sender and recipients in the estate")
        return Later(f"{self.name} port {self.port}: {_words(fault)}")


def _words(fault: OSError) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        return _said(fault.smtp_code, fault.smtp_error)
    return str(fault) or type(fault).__name__


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())[:200]}"
