"""In which form a family's message came, where that decides what it is answered with."""

TEXT = "text"  # typed, dictated by the phone, or an option that was pressed
EDITED = "edited"  # a later version of a message: a red flag in it is answered, a question is not answered again
NOT_TEXT = "not_text"  # a picture, a voice message, a place; its text is the caption
ERASE = "erase"  # asks for everything to be deleted
KEPT = "kept"  # was asked whether everything is to be deleted, and does not want it

FORMS = (TEXT, EDITED, NOT_TEXT, ERASE, KEPT)
