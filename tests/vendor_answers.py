"""What each vendor of messengers answers when all is well."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

Body = Mapping[str, Any]


def _whatsapp(body: Body, number: int) -> Body:
    if body.get("status") == "read":
        return {"success": True}
    contacts = [{"input": body.get("to"), "wa_id": body.get("to")}]
    return {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": f"wamid.{number:08}"}]}


def _messenger(body: Body, number: int) -> Body:
    answer = {"recipient_id": body.get("recipient", {}).get("id")}
    return answer if "sender_action" in body else {**answer, "message_id": f"m_{number:08}"}


def _telegram(body: Body, number: int) -> Body:
    chat = {"id": body.get("chat_id"), "type": "private"}
    return {"ok": True, "result": {"message_id": number, "date": int(time.time()), "chat": chat}}


def _twilio(body: Body, number: int) -> Body:
    return {"sid": f"SM{number:032x}", "status": "queued", "to": body.get("To"), "error_code": None}


def _slack(body: Body, number: int) -> Body:
    return {"ok": True, "channel": body.get("channel"), "ts": f"1700000000.{number:06}"}


def _always(answer: Body) -> Callable[[Body, int], Body]:
    return lambda body, number: answer


_NUMBER = {"id": "1", "display_phone_number": "+44 1632 960000", "verified_name": "Ward"}
_PAGE = {"id": "1", "name": "Ward"}
_TELEGRAM_BOT = {"ok": True, "result": {"id": 1, "is_bot": True, "first_name": "Ward", "username": "ward_bot"}}
_WEBHOOK = {"ok": True, "result": {"url": "https://chat.hospital.example/channels/telegram", "pending_update_count": 0}}
_ACCOUNT = {"sid": "AC1", "friendly_name": "Ward", "status": "active", "type": "Full"}
_SLACK_BOT = {"ok": True, "team": "Ward", "team_id": "T1", "user": "faq", "user_id": "U1", "bot_id": "B1"}

# Methods, path behind a version or `/api`, status, body.
_USUAL: tuple[tuple[str, str, int, Callable[[Body, int], Body]], ...] = (
    ("POST", r"/\d+/messages", 200, _whatsapp),
    ("GET", r"/\d+", 200, _always(_NUMBER)),
    ("POST", r"/me/messages", 200, _messenger),
    ("GET", r"/me", 200, _always(_PAGE)),
    ("POST", r"/bot[^/]+/sendMessage", 200, _telegram),
    ("POST", r"/bot[^/]+/answerCallbackQuery", 200, _always({"ok": True, "result": True})),
    ("GET POST", r"/bot[^/]+/getMe", 200, _always(_TELEGRAM_BOT)),
    ("GET POST", r"/bot[^/]+/getWebhookInfo", 200, _always(_WEBHOOK)),
    ("POST", r"/2010-04-01/Accounts/\w+/Messages\.json", 201, _twilio),
    ("GET", r"/2010-04-01/Accounts/\w+\.json", 200, _always(_ACCOUNT)),
    ("POST", r"/chat\.postMessage", 200, _slack),
    ("GET POST", r"/auth\.test", 200, _always(_SLACK_BOT)),
)


def usual_answer(method: str, path: str, body: Body, number: int) -> tuple[int, Body]:
    """A status and a body.

    Args:
        method: of the request, as are the path and the body.
        path: without the parameters.
        body: parsed.
        number: for the id of a message, another for each.
    """
    for methods, pattern, status, answer in _USUAL:
        if method in methods.split() and re.fullmatch(rf"(?:/v\d+\.\d+|/api)?{pattern}", path):
            return status, answer(body, number)
    return 404, {"error": "no such address"}
