"""The custom actions of the dialogue: thin, they call bot.answers."""
