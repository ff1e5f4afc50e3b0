"""What pages call the states and kinds of the conversation log."""

from bot.conversations.forms import EDITED, ERASE, KEPT, NOT_TEXT
from bot.conversations.models import (
    DELIVERED,
    LATER,
    PENDING,
    READ,
    REVIEWED,
    SENDING,
    SENT,
    TO_REVIEW,
    UNDELIVERED,
)

STATES = {
    "unanswered": "Unanswered",
    "unsure": "Unsure",
    "unhelpful": "Did not help",
    "wants_person": "Wants a person",
    "undelivered": "Not delivered",
}
REVIEW = {TO_REVIEW: "To review", LATER: "Later", REVIEWED: "Reviewed"}
SORTS = {"newest": "Newest first", "oldest": "Waiting longest first", "urgent": "Most urgent first"}
TIERS = {"T1": "T1 · now or unclear", "T2": "T2 · not about now"}
CHANNELS = {
    "widget": "Website",
    "whatsapp": "WhatsApp",
    "twilio": "SMS or WhatsApp by Twilio",
    "telegram": "Telegram",
    "messenger": "Messenger",
    "slack": "Slack",
    "ask": "Command line",
}
KINDS = {
    "emergency": "Emergency reply",
    "crisis": "Crisis reply",
    "answer": "Answer",
    "clarify": "Asked back",
    "fallback": "No answer",
    "handover": "How to reach a person",
    "small_talk": "Small talk",
    "notice": "Notice",
    "apology": "Apology",
    "privacy": "Privacy text",
}
# Of family messages that are no plain text.
FORMS = {
    EDITED: "Edited version",
    NOT_TEXT: "Picture or voice message",
    ERASE: "Asks for deletion",
    KEPT: "Does not want deletion",
}
DELIVERY = {
    PENDING: "Waits to be sent",
    SENDING: "Being sent",
    SENT: "Sent",
    DELIVERED: "Delivered",
    READ: "Read",
    UNDELIVERED: "Not delivered",
}
ALERTS = {"red_flag": "Red flag", "person": "Wants a person", "undelivered": "Emergency reply not delivered"}
# Intents that a message can be corrected to beside the topics.
OTHER_INTENTS = {"out_of_scope": "None of these, out of scope", "talk_to_human": "Wants to talk to a person"}
