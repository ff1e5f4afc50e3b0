"""The console's pages of what the service can learn: from messages to a queue, a patch, and its check."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from starlette.applications import Starlette

from bot.console.check_pages import CheckPages
from bot.console.improve import Improve, suggested
from bot.conversations import improvement
from bot.conversations.improvement import Candidate
from bot.conversations.models import Conversation, Message
from bot.conversations.review_models import DROPPED, EXPORTED, QUEUED, REGRESSION, TRAINING
from bot.improvement.result import BEFORE, DONE, FAILED, CheckFolder, CheckResult, Measured
from bot.staff.models import AuditEvent
from bot.storage.base import now
from console.house import House
from console.offices import ask, office_in

LIKE = ("how many sleeps will nana be on this crs", "for how many sleeps will nanas crs go on")
OTHER = "can the dog of my brother come along <b>too</b>"
FIGURES = {
    "in_scope": 9,
    "right": 0.5,
    "another": 0.25,
    "clarified": 0.25,
    "right_or_offered": 1.0,
    "out_of_scope": 1,
    "rejected": 1.0,
    "refused": 1.0,
    "confusions": [],
}


@pytest_asyncio.fixture(loop_scope="session")
async def desk(house: House, tmp_path: Path) -> AsyncIterator[House]:
    """A house with three messages to learn from, of which two are alike."""
    async with office_in(tmp_path, house.sessions) as desk:
        for text in (*LIKE, OTHER):
            ask(desk, text)
        yield desk


@pytest_asyncio.fixture(loop_scope="session")
async def each_desk(each_house: House, tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """The same on both kinds of database."""
    async with office_in(tmp_path, each_house.sessions, database_url=database_url) as desk:
        for text in (*LIKE, OTHER):
            ask(desk, text)
        yield desk


def queued(house: House, state: str = QUEUED) -> list[tuple[str, str, str]]:
    with house.sessions() as session:
        return [(each.purpose, each.topic, each.text) for each in improvement.queue(session, state=state)]


def ids(house: House, *texts: str) -> list[str]:
    with house.sessions() as session:
        return [str(session.scalars(select(Message.id).where(Message.text == text)).one()) for text in texts]


async def decide(house: House, *texts: str, http: httpx.AsyncClient | None = None, **fields: str) -> httpx.Response:
    """Decide about messages as the page's form does."""
    chosen = ids(house, *texts)
    data = {"message": chosen, **{f"text-{each}": text for each, text in zip(chosen, texts, strict=True)}}
    data |= {"topic": "crs_duration", "action": TRAINING, **fields}
    if http is not None:
        return await http.post("/console/improve/decide", data=data)
    async with house.signed_in("nina") as http:
        return await http.post("/console/improve/decide", data=data)


async def page_of(house: House, path: str = "/console/improve") -> str:
    async with house.signed_in("nina") as http:
        response = await http.get(path)
    assert response.status_code == 200
    return response.text


async def test_messages_stand_in_groups_with_a_topic_suggested(desk: House) -> None:
    page = await page_of(desk)

    assert re.findall(r'<h2 id="group-\d">([^<]*)</h2>', page) == [
        "Group 1: 2 messages, perhaps: How long CRS lasts",
        "Group 2: 1 message, perhaps: How long CRS lasts",
    ]
    assert page.count('<option value="crs_duration" selected>') == 2
    assert "can the dog of my brother come along &lt;b&gt;too&lt;/b&gt;</textarea>" in page
    assert ("nina", "improve.viewed", "messages to learn from") in desk.audited()
    with desk.sessions() as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action == "improve.viewed"))
        assert event.detail == {"conversations": sorted(session.scalars(select(Conversation.code)))}


async def test_a_group_is_accepted_at_once_with_its_texts_as_they_were_edited(each_desk: House) -> None:
    chosen = ids(each_desk, *LIKE)

    done = await decide(each_desk, *LIKE, **{f"text-{chosen[0]}": "how many sleeps\nwill [name] be on this crs"})

    assert (done.status_code, done.headers["location"]) == (303, "/console/improve")
    assert queued(each_desk) == [
        (TRAINING, "crs_duration", "how many sleeps will [name] be on this crs"),
        (TRAINING, "crs_duration", LIKE[1]),
    ]
    page = await page_of(each_desk)
    assert "perhaps" in page
    assert page.count("<textarea") == 1
    assert ("nina", "improve.training", "messages to learn from") in each_desk.audited()
    with each_desk.sessions() as session:
        assert {each.by.name for each in improvement.queue(session)} == {"nina"}


@pytest.mark.parametrize(
    ("action", "said", "found", "state"),
    [
        (REGRESSION, "1 message queued as tests: How long CRS lasts.", REGRESSION, QUEUED),
        ("drop", "1 message dropped.", TRAINING, DROPPED),
    ],
)
async def test_one_key_makes_a_test_or_drops(desk: House, action: str, said: str, found: str, state: str) -> None:
    async with desk.signed_in("nina") as http:
        http.headers["hx-request"] = "true"
        part = await decide(desk, OTHER, http=http, action=action)
        again = await decide(desk, OTHER, http=http, action=action)

    assert said in part.text
    assert "<html" not in part.text
    assert "1 had been decided about already." in again.text
    assert queued(desk, state) == [(found, "crs_duration", OTHER)]
    assert OTHER[:20] not in await page_of(desk)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "sell"}, "The form is not complete: load the page again."),
        ({"topic": ""}, "Choose a topic."),
        ({"topic": "crs_length"}, "Choose a topic."),
        ({"message": "²"}, "The form is not complete: load the page again."),
        ({"message": []}, "No message is chosen."),
        ({"message": "1"}, "The text is empty."),
    ],
)
async def test_a_wrong_decision_is_told_in_a_line_and_changes_nothing(
    desk: House, fields: dict[str, object], said: str
) -> None:
    refused = await decide(desk, OTHER, **fields)

    assert refused.status_code == 422
    assert f"<p>{said}</p>" in refused.text
    assert queued(desk) == []


async def test_what_may_name_somebody_is_masked_before_it_is_shown(desk: House) -> None:
    pages = Improve(desk.console.desk, mask=lambda text: text.replace("nana", "[name]"))
    group = pages._group([Candidate(1, "key", LIKE[0], now(), "unsure", None)])

    assert [text for _, text in group.rows] == [LIKE[0].replace("nana", "[name]")]


@pytest.mark.parametrize(
    ("found", "topic"),
    [
        ([], None),
        ([("unsure", None)], None),
        ([("unsure", "a"), ("unsure", "b"), ("unanswered", "b")], "b"),
        ([("unsure", "a"), ("unsure", "a"), ("corrected", "b")], "b"),
        ([("unsure", "a"), ("corrected", None)], "a"),
    ],
)
def test_what_navigators_corrected_counts_before_guesses(found: list[tuple[str, str | None]], topic: str) -> None:
    candidates = [Candidate(n, "key", "text", now(), reason, about) for n, (reason, about) in enumerate(found)]

    assert suggested(candidates) == topic


async def test_the_queue_is_changed_patched_exported_and_put_back(each_desk: House) -> None:
    await decide(each_desk, *LIKE)
    await decide(each_desk, OTHER, action=REGRESSION, topic="infection_precautions")
    with each_desk.sessions() as session:
        first, second, _ = (each.id for each in improvement.queue(session))

    async with each_desk.signed_in("nina") as http:
        changed = await http.post(
            f"/console/improve/queue/{first}/change", data={"text": "whats a cytokine", "topic": "crs_duration"}
        )
        assert (changed.status_code, changed.headers["location"]) == (303, "/console/improve/queue")
        page = (await http.get("/console/improve/queue")).text
        assert "Not in the patch: it stands there already, with the topic what_is_crs." in page
        assert "The patch adds 2 of 3" in page

        patch = await http.get("/console/improve/patch")
        assert patch.headers["content-disposition"].startswith('attachment; filename="improve-20')
        added = [line for line in patch.text.splitlines() if line.startswith("+") and not line.startswith("+++")]
        assert added[-2:] == [f"+    - {LIKE[1]}", f"+{OTHER}\tinfection_precautions"]

        await http.post(f"/console/improve/queue/{first}/take-back")
        await http.post("/console/improve/exported", data={"newest": str(second)})
        assert queued(each_desk) == [(REGRESSION, "infection_precautions", OTHER)]
        assert queued(each_desk, EXPORTED) == [(TRAINING, "crs_duration", LIKE[1])]
        assert "Exported (1)" in (await http.get("/console/improve/queue")).text

        await http.post(f"/console/improve/queue/{second}/put-back")
        assert len(queued(each_desk)) == 2
        gone = await http.post(f"/console/improve/queue/{first}/take-back")
        assert (gone.status_code, "That is not in the queue any more." in gone.text) == (422, True)
    assert "1 message, perhaps" in await page_of(each_desk)
    actions = [action for _, action, _ in each_desk.audited() if action.startswith("queue.")]
    assert actions == [
        *("queue.changed", "queue.viewed", "queue.patch", "queue.taken_back"),
        *("queue.exported", "queue.viewed", "queue.put_back"),
    ]


async def test_an_empty_queue_has_no_patch(desk: House) -> None:
    async with desk.signed_in("nina") as http:
        assert "Nothing is queued." in (await http.get("/console/improve/queue")).text
        patch = await http.get("/console/improve/patch")
    assert (patch.status_code, "Nothing is queued that the files do not have." in patch.text) == (404, True)


async def test_no_text_of_a_family_is_in_the_audit(desk: House) -> None:
    await decide(desk, *LIKE, OTHER)
    await page_of(desk, "/console/improve/queue")

    assert not any(word in str(desk.audited()) for word in ("nana", "sleeps", "dog"))


CHECKED = CheckResult(BEFORE, now(), examples=2, tests=1)
STATES = [
    (None, ["There has been no check yet."]),
    (CHECKED, ["broke off."]),
    (CHECKED.now_at(FAILED, error="the model could not be trained"), ["failed: the model could not be trained."]),
    (
        CHECKED.now_at(DONE, files=(Measured("messages.tsv", FIGURES, {**FIGURES, "right": 0.75, "another": 0.5}),)),
        [
            "A patch of 2 examples and 1 test.",
            "messages.tsv: 10 messages, in per cent",
            '<td>75.0</td>\n  <td>+25.0 <span class="badge good">better</span></td>',
            '<td>50.0</td>\n  <td>+25.0 <span class="badge urgent">worse</span></td>',
            "<td>+0.0</td>",
        ],
    ),
]


@pytest.mark.parametrize(("result", "said"), STATES, ids=["none", "broken off", "failed", "done"])
async def test_the_newest_check_is_shown(desk: House, result: CheckResult | None, said: list[str]) -> None:
    if result is not None:
        CheckFolder(desk.service.settings.var_dir).write(result)

    page = await page_of(desk, "/console/improve/check")

    assert [each for each in said if each not in page] == []
    assert "Start a check" in page
    assert "/check/state" not in page


async def test_a_check_that_runs_is_shown_and_no_second_one_is_started(desk: House) -> None:
    folder = CheckFolder(desk.service.settings.var_dir)
    with folder.only_one():
        folder.write(CHECKED)
        async with desk.signed_in("nina") as http:
            for path in ("/console/improve/check", "/console/improve/check/state"):
                page = (await http.get(path)).text
                assert "A check is running: measuring the service as it is (2 of 3)." in page
                assert 'hx-get="/console/improve/check/state" hx-trigger="every 3s"' in page
                assert "Start a check" not in page
            refused = await http.post("/console/improve/check", data={"action": "start"})
    assert refused.status_code == 422
    assert "A check is running already" in refused.text


# Stands in for `bot improve check`, which takes a minute: it shows that it was given this service's settings.
STAND_IN = """
import os, sys
from pathlib import Path
from bot.improvement.result import DONE, CheckFolder, CheckResult
from bot.staff.models import AuditEvent
from bot.storage.base import now
result = CheckResult(DONE, now(), now(), examples=len(os.environ["BOT_DATABASE_URL"]))
CheckFolder(Path(os.environ["BOT_VAR_DIR"])).write(result)
"""


async def test_a_check_is_started_with_the_settings_of_this_service(desk: House) -> None:
    shared = desk.console.desk
    pages = CheckPages(shared, (sys.executable, "-c", STAND_IN))
    inside = Starlette(routes=pages.routes())
    async with desk.signed_in("nina") as http:
        transport = httpx.ASGITransport(app=inside)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=http.headers) as own:
            own.cookies = http.cookies
            started = await own.post("/improve/check", data={"action": "start"}, headers=cookie_of(http))
            assert started.status_code == 303
            assert pages._waiting is not None
            await asyncio.wait_for(pages._waiting, 60)

    result = CheckFolder(desk.service.settings.var_dir).read()
    assert result is not None
    assert (result.state, result.examples) == (DONE, len(desk.service.settings.database_url))
    assert ("nina", "check.started", "queue") in desk.audited()


def cookie_of(http: httpx.AsyncClient) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in http.cookies.items())}
