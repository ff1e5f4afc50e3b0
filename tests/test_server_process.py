"""`bot run` as an operator starts it: it serves, stops, says what keeps it from starting, and survives being killed."""

import re
import signal
import socket
import subprocess
import uuid
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from project import BOT, settings_in
from server_process import SECRET, STARTS_WITHIN_S, environment, server

from bot.answers.setup import prepare_storage
from bot.channels.tokens import SessionTokens
from bot.conversations.records import Inbound
from bot.conversations.spool import Spool
from bot.conversations.store import ConversationStore
from bot.storage.base import now

pytestmark = pytest.mark.usefixtures("model")  # trained before, not by each process


def refused(folder: Path, *options: str, **variables: str) -> str:
    """The one line with which it does not start."""
    done = subprocess.run(
        [BOT, "run", *options],
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN_S,
        check=False,
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    return done.stderr


def inbound(token: str, text: str, **values: Any) -> Inbound:
    """A message of that session, as the widget's channel writes it down."""
    conversation = SessionTokens(SECRET).conversation(token)
    assert conversation is not None
    message_id = f"{conversation}:{uuid.uuid4().hex}"
    return Inbound(channel="widget", conversation=conversation, message_id=message_id, text=text, **values)


def test_it_serves_survives_a_kill_and_answers_what_was_left(tmp_path: Path) -> None:
    with server(tmp_path) as first:
        first.wait_for(first.ready)
        token, other = first.token(), first.token()
        replies = first.say(token, "How long does CRS usually last?")
        assert [(reply["kind"], reply["topic"]) for reply in replies] == [("notice", None), ("answer", "crs_duration")]
        before = first.history(token)
        assert [message["id"] for message in before[1:]] == [reply["id"] for reply in replies]
        assert first.http.get("/").status_code == 200

        in_use = refused(tmp_path, BOT_PORT=str(first.port))
        assert in_use == f"Error: cannot listen on 127.0.0.1 port {first.port}: Address already in use\n"
        assert first.ready(), "the second start must not disturb the first"

        code, _, err = first.end(signal.SIGKILL)
        assert (code, "Traceback" in err) == (-signal.SIGKILL, False)

    settings = settings_in(tmp_path)
    store, spool = ConversationStore(prepare_storage(settings)), Spool(tmp_path / "spool")
    store.accept(inbound(token, "What does it cost?"))
    store.accept(inbound(other, "he has a fever of 39.5"))
    store.accept(inbound(other, "too old to be answered", received_at=now() - timedelta(days=1)))
    spool.append(inbound(token, "And what are the symptoms of CRS?"))  # accepted while the database was locked

    with server(tmp_path) as second:
        second.wait_for(lambda: second.http.get("/health").status_code == 200)
        assert second.history(token)[: len(before)] == before
        second.wait_for(lambda: second.history(token)[-1].get("topic") == "crs_symptoms")
        second.wait_for(lambda: "emergency" in [message.get("kind") for message in second.history(other)])

        later = second.history(token)[len(before) :]
        assert [message["from"] for message in later].count("family") == 2
        assert [message["topic"] for message in later if message["from"] == "service"] == [
            "cost_and_stay",
            "crs_symptoms",
        ]
        asked = [message["text"] for message in second.history(other) if message["from"] == "family"]
        assert asked == ["too old to be answered", "he has a fever of 39.5"]  # as they came
        assert "fallback" not in [message.get("kind") for message in second.history(other)]
        (reply,) = second.say(token, "How long does it last?")
        assert reply["topic"] == "crs_duration", "the conversation goes on where it was"

        code, out, err = second.end(signal.SIGINT)

    assert (code, out) == (0, "")
    assert "Traceback" not in err
    assert "event=service.left_over messages=3" in err
    assert not re.search("cost|fever|symptoms|too old|last", err)


def test_it_stops_on_ctrl_c_while_the_model_loads(tmp_path: Path) -> None:
    with server(tmp_path) as started:
        code, out, err = started.end(signal.SIGINT)

    assert out == ""
    assert code in (0, 1)  # 1 with "Aborted!": not a service yet
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        line = refused(tmp_path, "--port", str(port))

    assert line == f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    assert not (tmp_path / "bot.sqlite3").exists()


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        (("--host", "0.0.0.0"), {}, "Error: BOT_SECRET_KEY is missing: listening on 0.0.0.0 needs it. "),
        ((), {"BOT_HOST": "::"}, "Error: BOT_SECRET_KEY is missing: listening on :: needs it. "),
        (
            ("--host", "0.0.0.0"),
            {"BOT_SECRET_KEY": SECRET},
            "Error: BOT_EMERGENCY_NUMBER is missing: listening on 0.0.0.0 needs it, ",
        ),
        ((), {"BOT_SECRET_KEY": "short"}, "Error: BOT_SECRET_KEY has 5 characters; 32 or more"),
        ((), {"BOT_PORT": "http"}, "Error: BOT_PORT value is not a valid integer"),
        ((), {"BOT_VAR_DIR": "/dev/null"}, "Error: /dev/null/spool cannot be written (BOT_VAR_DIR): Not a directory"),
    ],
)
def test_settings_that_are_not_fit_are_told(
    tmp_path: Path, options: tuple[str, ...], variables: dict[str, str], line: str
) -> None:
    assert refused(tmp_path, *options, **variables).startswith(line)
    assert list(tmp_path.iterdir()) == []
