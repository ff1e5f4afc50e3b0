"""bot.alert_addresses: which addresses are understood, and that a refusal quotes nothing of them."""

import pytest

from bot.alert_addresses import MailServer, check_web_address, mail_server

TO = "?from=bot@a.example&to=ward@a.example"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"smtp://mail.example{TO}",
            MailServer("mail.example", 587, False, "bot@a.example", ("ward@a.example",)),
        ),
        (
            f"smtps://u:p@mail.example/{TO},%20on-call%2Bnight@b.example",
            MailServer(
                "mail.example", 465, True, "bot@a.example", ("ward@a.example", "on-call+night@b.example"), "u", "p"
            ),
        ),
        (
            f"smtp://nurse%40a.example:p%23%2F%3Aq@[::1]:25{TO}",
            MailServer("::1", 25, False, "bot@a.example", ("ward@a.example",), "nurse@a.example", "p#/:q"),
        ),
    ],
)
def test_mail_servers(url: str, expected: MailServer) -> None:
    assert mail_server(url) == expected
    assert "p#/:q" not in repr(mail_server(url))


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mail.example", "must be such as smtp://"),
        (f"http://mail.example{TO}", "must be such as smtp://"),
        (f"smtp://{TO}", "must be such as smtp://"),
        (f"smtp://u:secret@mail.example:many{TO}", "has a host or a port that cannot be read"),
        (f"smtp://u:secret@[mail.example{TO}", "has a host or a port that cannot be read"),
        (f"smtp://u:sec#ret@mail.example{TO}", "in a password write # as %23"),
        (f"smtp://mail.example/path{TO}", "no ?from="),
        ("smtp://mail.example", "must end with ?from="),
        ("smtp://mail.example?from=bot@a.example", "must end with ?from="),
        (f"smtp://mail.example{TO}&tls=no", "must end with ?from="),
        (f"smtp://mail.example{TO}&to=b@a.example", "must end with ?from="),
        (f"smtp://mail.example{TO},", "is no mail address"),
        (f"smtp://mail.example{TO},Nurse <n@a.example>", "is no mail address"),
        (f"smtp://mail.example{TO}%0d%0aBcc:x@a.example", "is no mail address"),
        (f"smtp://u@mail.example{TO}", "both a user and a password"),
    ],
)
def test_what_is_no_mail_server(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        mail_server(url)

    assert fault in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/T0/B0/x",
        "http://127.0.0.1:9000/x",
        "http://localhost/x",
        "http://[::1]/",
        "https://a:8443",
    ],
)
def test_web_addresses(url: str) -> None:
    check_web_address(url)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://hooks.example/secret", "must begin with https://"),
        ("http://localhost.example/secret", "must begin with https://"),
        ("http://0.0.0.0/secret", "must begin with https://"),
        ("ftp://hooks.example", "must be an address"),
        ("hooks.example/secret", "must be an address"),
        ("https:///secret", "must be an address"),
        ("https://hooks.example/a secret", "must be an address"),
        ("https://hooks.example:99999/secret", "has a host or a port"),
    ],
)
def test_what_is_no_web_address(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}") as refused:
        check_web_address(url)

    assert "secret" not in str(refused.value)
