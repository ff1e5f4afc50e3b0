"""Counters for Prometheus. Labels hold kinds and channels, never anything that a family wrote."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from bot.replies import Reply

TURN_BUCKETS_S = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Counter("bot_turns_total", "Messages answered", ["channel"], registry=self.registry)
        self._replies = Counter("bot_replies_total", "Replies sent", ["kind"], registry=self.registry)
        self._red_flags = Counter("bot_red_flags_total", "Messages with a red flag", ["tier"], registry=self.registry)
        self._seconds = Histogram(
            "bot_turn_seconds", "From a message to its replies", buckets=TURN_BUCKETS_S, registry=self.registry
        )
        self.gate_failures = Counter("bot_gate_failures_total", "Failures of the red-flag gate", registry=self.registry)
        self.semantic_left_out = Counter(
            "bot_semantic_left_out_total",
            "Messages that the second red-flag detector did not look at",
            ["reason"],
            registry=self.registry,
        )
        self.limited = Counter("bot_limited_total", "Requests refused because too many came", registry=self.registry)
        self.apologies = Counter("bot_apologies_total", "Messages that got only an apology", registry=self.registry)

        self.alerts_sent = Counter(
            "bot_alerts_sent_total", "Calls to navigators that came through", ["way"], registry=self.registry
        )
        self.alerts_failed = Counter(
            "bot_alerts_failed_total", "Calls to navigators that failed", ["way"], registry=self.registry
        )

        self.webhooks = Counter(
            "bot_webhooks_total", "Requests of vendors", ["channel", "result"], registry=self.registry
        )
        self.deliveries = Counter(
            "bot_deliveries_total",
            "Replies that vendors took or will not take",
            ["channel", "state"],
            registry=self.registry,
        )
        self.not_sent = Counter(
            "bot_not_sent_total", "Attempts at sending that failed", ["channel"], registry=self.registry
        )

    def count_turn(self, channel: str, replies: Iterable[Reply], tier: str | None, milliseconds: float) -> None:
        """Count one answered message."""
        self._turns.labels(channel).inc()
        self._seconds.observe(milliseconds / 1000)
        for reply in replies:
            self._replies.labels(reply.kind).inc()
        if tier:
            self._red_flags.labels(tier).inc()

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return bytes(generate_latest(self.registry))
