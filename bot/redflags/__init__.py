"""Red flags: any mention of an alarming symptom is found here. No Rasa, no database, no network."""
