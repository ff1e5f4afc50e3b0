"""The forms that pages send, read no further than their limits."""

from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import ClientDisconnect, Request

BODY_MAXIMUM = 64 * 1024  # bytes
FIELDS_MAXIMUM = 200
LARGEST_ID = 2**31 - 1  # of a row; PostgreSQL takes none beyond it
FORM_TYPE = "application/x-www-form-urlencoded"

Form = ImmutableMultiDict[str, str]


class Refused(Exception):
    """A request that is answered with one line on a page.

    Args:
        status: the HTTP status.
        message: one clear line for whoever sits there.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def refuse_unstorable(request: Request) -> None:
    """Refuse an address that the database cannot even be asked about: with a NUL, or the id of no row.

    Raises:
        Refused: it is such a one.
    """
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        raise Refused(400, "The address has a character that cannot be stored.")
    if any(isinstance(value, int) and value > LARGEST_ID for value in request.path_params.values()):
        raise Refused(404, "There is no such page.")


async def read_form(request: Request) -> Form:
    """The fields of a request; lines end with a line feed only.

    Raises:
        Refused: it is too long, broken off, or no form.
    """
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > BODY_MAXIMUM:
                raise Refused(413, f"The form is too long: {BODY_MAXIMUM // 1024} kB at most.")
    except ClientDisconnect as error:
        raise Refused(400, "The request broke off.") from error
    if received and request.headers.get("content-type", "").partition(";")[0].strip() != FORM_TYPE:
        raise Refused(415, "Only forms are read here.")
    try:
        fields = parse_qsl(
            received.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAXIMUM
        )
    except ValueError as error:  # also what is no UTF-8, and too many fields
        raise Refused(400, "The form cannot be read.") from error
    if any("\0" in name + value for name, value in fields):
        raise Refused(400, "The form has a character that cannot be stored.")
    return ImmutableMultiDict([(name, value.replace("\r\n", "\n")) for name, value in fields])
