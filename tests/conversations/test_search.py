"""bot.conversations.search: conversations found by words of messages and notes, in any language."""

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import prepare_storage
from bot.conversations.erasure import Erasure
from bot.conversations.models import Conversation, ConversationWord, Message
from bot.conversations.records import Inbound
from bot.conversations.search import COMMON, add_words, best_messages, matching, search
from bot.conversations.store import ConversationStore
from bot.conversations.words import LENGTH_MAXIMUM, words_of
from bot.settings import Settings

BEGIN = datetime(2027, 1, 1, tzinfo=timezone.utc)

TEXTS = {
    "dose": "My wife had the second dose of tocilizumab in Ward 12, don't wait!",
    "coast": "We went to the COAST with Zoë's café crème",
    "chinese": "爸爸昨天晚上发烧了，三十九度。CRS？",
    "japanese": "お父さんはいつ家に帰れますか",
    "thai": "พ่อมีไข้สูง",
    "hindi": "क्या बुखार हमेशा होता है",
    "arabic": "هَلْ الحُمَّى خطيرة",
    "korean": "열이 나요",
    "full_width": "ＣＲＳ ２ 度",
    "wildcards": "100% of_them 'quoted' \\ back",
}


class Log:
    """A log that is written to as the service does it."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self.sessions = sessions
        self.store = ConversationStore(sessions)
        self.written = 0

    def write(self, conversation: str, text: str) -> str:
        self.written += 1
        at = BEGIN + timedelta(minutes=self.written)
        inbound = Inbound("widget", conversation, str(self.written), text, received_at=at)
        self.store.accept(inbound)
        return inbound.key

    def found(self, words: str) -> list[str]:
        """The keys of all that is found, newest first, read page by page."""
        keys: dict[int, str] = {}
        with self.sessions() as session:
            before = None
            while page := search(session, words, before=before, limit=3):
                assert not {found.conversation_id for found in page} & set(keys), "a page repeats another"
                keys |= {found.conversation_id: _key(session, found.conversation_id) for found in page}
                before = page[-1].place
            narrowed = select(Conversation.key).where(matching(session, words))
            assert sorted(session.scalars(narrowed)) == sorted(keys.values())
        return list(keys.values())


def _key(session: Session, number: int) -> str:
    return str(session.get(Conversation, number).key)


@pytest.fixture
def log(database_settings: Settings) -> Log:
    return Log(prepare_storage(database_settings))


@pytest.fixture
def texts(log: Log) -> Log:
    for conversation, text in TEXTS.items():
        log.write(conversation, text)
    return log


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tocilizumab", ["dose"]),
        ("TOCI", ["dose"]),
        ("toci dose", []),  # only the last word may be begun
        ("dose toci", ["dose"]),
        ("second second SECOND", ["dose"]),
        ("second coast", []),
        ("the", ["wildcards", "coast", "dose"]),
        ("zoes cafe", ["coast"]),
        ("Zoë’s CAFÉ", ["coast"]),
        ("dont wait", ["dose"]),
        ("12", ["dose"]),
        ("1", ["wildcards", "dose"]),
        ("发烧", ["chinese"]),
        ("烧发", []),
        ("发", ["chinese"]),
        ("发 crs", ["chinese"]),
        ("昨天晚上发烧了", ["chinese"]),
        ("度", ["full_width", "chinese"]),
        ("爸爸 三十九度", ["chinese"]),
        ("帰れます", ["japanese"]),
        ("ไข้", ["thai"]),
        ("बुखार", ["hindi"]),
        ("بخار", []),
        ("الحمى خطيرة", ["arabic"]),
        ("열", ["korean"]),
        ("crs 2", ["full_width"]),
        ("CRS", ["full_width", "chinese"]),
        ("quoted", ["wildcards"]),
        ("of them", ["wildcards"]),
    ],
)
def test_words_are_found(texts: Log, words: str, expected: list[str]) -> None:
    assert texts.found(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        *("", " ", '"', "*", "%", "_", "'", "\\", "🙂", "--", "^:()", "\0", "\n"),
        *('dose"*:^ AND NEAR(', "dose OR coast", "dose* -x", "'; DROP TABLE message; --", "dose {conversation_id}: x"),
        *("dose\0x", "%o%e", "d_se", "\ud800"),
        *(pytest.param(piece * 10_000, id=f"10,000 {piece}") for piece in ("x", "x ", "发", "(")),
    ],
)
def test_whatever_is_typed_is_words(texts: Log, words: str) -> None:
    assert texts.found(words) == []


@pytest.mark.parametrize("words", ['"second dose"', "second AND dose".replace("AND", "&"), "dose'", "*dose*", "(dose:"])
def test_signs_make_no_difference(texts: Log, words: str) -> None:
    assert texts.found(words) == ["dose"]


def test_words_count_wherever_they_stand_in_a_conversation(log: Log) -> None:
    first = log.write("both", "she has a fever")
    both = log.write("both", "fever again, and chills")
    log.write("both", "thanks")
    log.write("one", "a fever")

    assert log.found("chills fever") == ["both"]
    assert log.found("fever") == ["one", "both"]
    with log.sessions() as session:
        message = {key: session.scalars(select(Message.id).where(Message.key == key)).one() for key in (first, both)}
        assert [found.message_id for found in search(session, "chills fever")] == [message[both]]
        assert search(session, "she")[0].message_id == message[first]
        assert best_messages(session, [], "she") == {}


def test_those_with_the_newest_last_message_come_first(log: Log) -> None:
    for conversation in ("a", "b", "c", "d", "e", "a", "c"):
        log.write(conversation, "fever")

    assert log.found("fever") == ["c", "a", "e", "d", "b"]


def test_replies_are_not_searched_and_notes_are(log: Log) -> None:
    log.write("noted", "hello")
    with log.sessions() as session:
        number = session.scalars(select(Conversation.id)).one()
        add_words(session, number, "Called the Grandmother, hello")
        add_words(session, number, "🙂")
        session.commit()

    assert log.found("grandm") == ["noted"]
    with log.sessions() as session:
        assert search(session, "grandmother")[0].message_id is None


@pytest.mark.parametrize("common", [0, COMMON])
def test_common_words_are_found_as_well(texts: Log, monkeypatch: pytest.MonkeyPatch, common: int) -> None:
    monkeypatch.setattr("bot.conversations.search.COMMON", common)
    for words, expected in (
        ("the", ["wildcards", "coast", "dose"]),
        ("the w", ["coast", "dose"]),
        ("dose the", ["dose"]),
        ("x", []),
    ):
        assert texts.found(words) == expected


def test_long_words_are_cut_alike(log: Log) -> None:
    log.write("long", "x" * (LENGTH_MAXIMUM + 10) + " " + "é" * (LENGTH_MAXIMUM + 10) + " " + "发" * 1_000)

    assert {len(word) for word in words_of("y" * 99)} == {LENGTH_MAXIMUM}
    for words in ("x" * (LENGTH_MAXIMUM + 10), "x" * LENGTH_MAXIMUM, "é" * 99, "发" * 5):
        assert log.found(words) == ["long"]


def test_erased_words_are_gone(texts: Log) -> None:
    Erasure(texts.sessions).erase("dose")

    assert texts.found("tocilizumab") == []
    with texts.sessions() as session:
        left = set(session.scalars(select(ConversationWord.word)))
    assert left == set().union(*(words_of(text) for name, text in TEXTS.items() if name != "dose"))
