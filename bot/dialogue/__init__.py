"""Rasa at work: understanding, one rule for each intent, custom actions in process, and the guarded turn around it."""

from bot.rasa_environment import prepare

prepare()
