"""What alerts are sent to in tests: a web server and a mail server on this machine, well or ill."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

HANG = "hang"


@dataclass
class Received:
    """A running receiver: where it is, and what it got."""

    port: int = 0
    got: list[Any] = field(default_factory=list)  # bodies of requests; mails as text
    commands: list[str] = field(default_factory=list)  # of a mail server's clients
    behaviour: str = ""  # what it answers instead of accepting, or HANG
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, what: Any) -> None:
        self.got.append(what)
        self.arrived.set()


@contextlib.asynccontextmanager
async def web_receiver() -> AsyncIterator[Received]:
    """Takes JSON. Its behaviour: empty, HANG, or the status line that it answers."""
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
        received.take({"head": head, "body": json.loads(await reader.readexactly(length))})
        if received.behaviour == HANG:
            await reader.read()  # until the client gives up
        status = received.behaviour or "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()

    async with _listening(serve, received):
        yield received


@contextlib.asynccontextmanager
async def mail_receiver(
    certificate: ssl.SSLContext | None = None, *, encrypted: bool = False
) -> AsyncIterator[Received]:
    """Takes mail. Its behaviour: empty, HANG, or a command and the line that it answers, such as `DATA | 550 No`.

    Args:
        certificate: what it encrypts with.
        encrypted: from the first byte; otherwise it offers STARTTLS where it has a certificate.
    """
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            await writer.drain()

        if received.behaviour == HANG:
            await reader.read()
        await say("220 here")
        while line := (await reader.readline()).decode().strip():
            received.commands.append(line)
            command = line.split()[0].upper()
            refused, _, answer = received.behaviour.partition(" | ")
            if line.upper().startswith(refused.upper()) and answer:
                await say(answer)
            elif command == "EHLO":
                offers = ["250-AUTH PLAIN"] + (["250-STARTTLS"] if certificate and not encrypted else [])
                await say("250-here", *offers, "250 8BITMIME")
            elif command == "STARTTLS":
                await say("220 go on")
                await _encrypt(reader, writer, certificate)
            elif command == "AUTH":
                await say("235 welcome")
            elif command == "DATA":
                await say("354 go on")
                received.take((await reader.readuntil(b"\r\n.\r\n")).decode())
                await say("250 taken")
            elif command == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 well")
        writer.close()

    async with _listening(serve, received, ssl=certificate if encrypted else None):
        yield received


async def _encrypt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext | None) -> None:
    """What StreamWriter.start_tls does from Python 3.11 on."""
    transport: Any = writer.transport
    protocol = transport.get_protocol()
    encrypted = await asyncio.get_running_loop().start_tls(transport, protocol, context, server_side=True)  # type: ignore[arg-type]
    reader._transport = encrypted  # type: ignore[attr-defined]
    writer._transport = encrypted  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def _listening(serve: Any, received: Received, **options: Any) -> AsyncIterator[None]:
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_until_cut_off(serve(reader, writer)))
        tasks.add(task)
        await task

    server = await asyncio.start_server(accept, "0.0.0.0", 0, **options)
    received.port = server.sockets[0].getsockname()[1]
    yield
    server.close()
    await asyncio.gather(*tasks)


async def _until_cut_off(serving: Any) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):  # as clients may do
        await serving
