"""Every figure of a client's report, written once: whoever shows one takes it from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from pymc_toolkit.reports.client.contract import ClientReport, Estimate, Recommendation
from pymc_toolkit.reports.client.sentences import Figure, Name, Sentence, say
from pymc_toolkit.reports.client.texts import Texts
from pymc_toolkit.reports.client.written import Writer
from pymc_toolkit.reports.formats import MISSING, period

Write = Callable[[float], str]
# Of an estimate: few, unless its interval is narrower than their rounding.
_DIGITS = (2, 3, 4)


class Book:
    """Figures of a report by what they are figures of.

    Parameters
    ----------
    report : ClientReport
    texts : Texts
    """

    def __init__(self, report: ClientReport, texts: Texts) -> None:
        self.report = report
        self.texts = texts
        self.writer = Writer(report.brand.locale, report.brand.currency, texts.to)
        self.target = Name(report.target_name)

    # Facts.

    @property
    def one(self) -> str:
        """A unit of money."""
        return self.writer.money(1.0)

    @property
    def ci(self) -> str:
        """Probability of every interval."""
        return self.writer.probability(self.report.ci_prob)

    @property
    def period(self) -> str:
        """Name of a period."""
        return self._period_names[0]

    @property
    def periods(self) -> str:
        """Name of several periods."""
        return self._period_names[1]

    @property
    def window(self) -> tuple[Figure, Figure]:
        """First and last day of the data."""
        origin = self.report.provenance
        first, last = self.writer.day(origin.first_date), self.writer.day(origin.last_date)
        return Figure("first-day", "fact", first), Figure("last-day", "fact", last)

    def count(self, number: int, key: str) -> Figure:
        """Write how many there are of something."""
        return Figure(f"count:{key}", "fact", self.writer.number(number, 6))

    def counted(self, number: int, nouns: tuple[str, str], key: str) -> Figure:
        """Write how many there are of something that is named, such as "13 weeks"."""
        noun = nouns[0] if number == 1 else nouns[1]
        return Figure(key, "fact", f"{self.writer.number(number, 6)} {noun}")

    def count_periods(self, number: int) -> Figure:
        """Write a number of periods."""
        return self.counted(number, self._period_names, f"periods:{number}")

    def horizon(self, advice: Recommendation) -> Figure:
        """The periods that money is planned for: the next "13 weeks", or the next "month"."""
        if advice.horizon == 1:
            return Figure("horizon", "fact", self.period)
        return self.counted(advice.horizon, self._period_names, "horizon")

    def total(self, advice: Recommendation) -> Figure:
        """All of the money planned for."""
        return Figure("total", "fact", self.writer.money(advice.total))

    def planned_total(self, advice: Recommendation) -> Figure:
        """All of the money of the plan, as it was given."""
        return Figure("planned-total", "fact", self.writer.money(advice.planned))

    @property
    def plan(self) -> Sentence:
        """What a budget is compared with: the plan, or what that would be with other money."""
        advice = self.report.recommendation
        if advice is None or not advice.scaled:
            return (self.texts.plan,)
        return say(self.texts.plan_scaled, total=self.compared_total(advice))

    @property
    def keep(self) -> str:
        """To stay with what a budget is compared with."""
        advice, texts = self.report.recommendation, self.texts
        return texts.keep_scaled if advice is not None and advice.scaled else texts.keep

    def about_the_plan(self, advice: Recommendation) -> Sentence:
        """That the plan is not shown as it was given, where it is not."""
        if not advice.scaled:
            return ()
        planned, total = self.planned_total(advice), self.compared_total(advice)
        return say(self.texts.scaled_note, planned=planned, total=total)

    def compared_total(self, advice: Recommendation) -> Figure:
        """All of the money of what a budget is compared with."""
        compared = float(advice.table["current"].sum())
        return Figure("compared-total", "fact", self.writer.money(compared))

    def moved(self, advice: Recommendation) -> Figure:
        """How much money would change places."""
        difference = advice.table["recommended"] - advice.table["current"]
        amount = float(difference.clip(lower=0).sum())
        return Figure("moved", "fact", self.writer.money(amount))

    def move(self, position: int, advice: Recommendation) -> Figure:
        """How much money one move is about."""
        amount = float(advice.moves["amount"].iloc[position])
        return Figure(f"move:{position}", "fact", self.writer.money(amount))

    def difference(self, channel: str, advice: Recommendation) -> Figure:
        """By how much money the budget of a channel would change."""
        row = advice.table.loc[channel]
        amount = abs(float(row["recommended"] - row["current"]))
        return Figure(f"difference:{channel}", "fact", self.writer.money(amount))

    def spend(self, channel: str) -> Figure:
        """What was spent on a channel."""
        amount = self._channel(channel, "spend")
        return Figure(f"spend:{channel}", "fact", self.writer.money(amount))

    def spend_share(self, channel: str) -> Figure:
        """Its share of all that was spent."""
        share = self._channel(channel, "spend_share")
        return Figure(f"spend-share:{channel}", "fact", self.writer.share(share))

    def planned(self, channel: str, which: str, advice: Recommendation) -> Figure:
        """Money of a channel: ``current``, ``recommended``, ``lower`` or ``upper``."""
        amount = float(advice.table.at[channel, which])
        return Figure(f"{which}:{channel}", "fact", self.writer.money(amount))

    def change(self, channel: str, advice: Recommendation) -> Figure:
        """By how much of itself a channel's money would change."""
        change = float(advice.table.at[channel, "change"])
        return Figure(f"change:{channel}", "fact", self.writer.change(change))

    def error(self, prediction: str) -> Figure:
        """Average error of a prediction of the held-out periods: observed, not estimated."""
        error = float(self.report.scores.at[prediction, "mape"])
        return Figure(f"error:{prediction}", "fact", self.writer.share(error))

    # Estimates and probabilities.

    def media_share(self) -> Figure:
        """What share of the target media brought."""
        return self._estimate("media-share", self.report.media_share, self.writer.share)

    def media_contribution(self) -> Figure:
        """What media brought, in units of the target."""
        return self._amount("media", self.report.media_contribution)

    def media_roi(self) -> Figure | None:
        """What all channels returned together, if any was bought."""
        roi = self.report.media_roi
        return None if roi is None else self._estimate("media-roi", roi, self.writer.ratio)

    def uplift(self, advice: Recommendation) -> Figure:
        """What the recommended budget brings beyond the plan."""
        return self._amount("uplift", advice.uplift)

    def chance(self, advice: Recommendation) -> Figure:
        """How probable it is that it brings more than the plan."""
        return Figure("chance", "chance", self.writer.probability(advice.probability))

    def roi(self, channel: str) -> Figure:
        """What a channel returned on its money."""
        return self._of_channel(channel, "roi", self.writer.ratio)

    def marginal(self, channel: str) -> Figure:
        """What a little more money on it would return."""
        return self._of_channel(channel, "marginal", self.writer.ratio)

    def contribution(self, channel: str) -> Figure:
        """What a channel brought, in units of the target."""
        columns = ("contribution", "contribution_low", "contribution_high")
        row = self.report.channels.loc[channel]
        return self._amount(f"contribution:{channel}", _estimate_of(row, *columns))

    def effect(self, channel: str) -> Figure:
        """Its share of what media brought."""
        return self._of_channel(channel, "effect", self.writer.share)

    def above_one(self, channel: str) -> Figure:
        """How probable it is that it returned more than it cost."""
        chance = self._channel(channel, "above_one")
        return Figure(f"above-one:{channel}", "chance", self.writer.probability(chance))

    def half_life(self, channel: str) -> Figure:
        """Periods until half of its effect has come."""
        row = self.report.carry_over.loc[channel]
        estimate = _estimate_of(row, "half_life", "ci_low", "ci_high")
        return self._estimate(f"half-life:{channel}", estimate, self.writer.periods)

    def part(self, row: pd.Series, channel: bool) -> Figure:
        """A row of the waterfall; that of a channel is what it brought everywhere else."""
        if channel:
            return self.contribution(str(row["part"]))
        estimate = _estimate_of(row, "contribution", "ci_low", "ci_high")
        return self._amount(f"part:{row['part']}", estimate)

    def of_row(self, key: str, row: pd.Series, columns: Sequence[str], ratio: bool) -> Figure:
        """An estimate of a table of experiments or of a refresh."""
        estimate = _estimate_of(row, *columns)
        if ratio:
            return self._estimate(key, estimate, self.writer.ratio)
        return self._amount(key, estimate)

    def amount(self, value: float, digits: int = 2) -> str:
        """Write an estimated amount of the target."""
        write = self.writer.money if self.report.target_is_money else self.writer.number
        return write(value, digits)

    def amount_tick(self, value: float) -> str:
        """Write a round amount of the target on an axis."""
        write = self.writer.money_tick if self.report.target_is_money else self.writer.tick
        return write(value)

    def say(self, template: str, **parts: str | Figure | Name | Sentence) -> Sentence:
        """Fill a text; what every text may name (see below) is known."""
        known: dict[str, str | Figure | Name | Sentence] = {
            "target": self.target,
            "plan": self.plan,
            "keep": self.keep,
            "one": self.one,
            "period": self.period,
            "periods": self.periods,
            "ci": self.ci,
        }
        return say(template, **{**known, **parts})

    @property
    def _period_names(self) -> tuple[str, str]:
        name = period(self.report.provenance.frequency)
        return self.texts.periods.get(name, (name, f"{name}s"))

    def _channel(self, channel: str, column: str) -> float:
        return float(self.report.channels.at[channel, column])

    def _of_channel(self, channel: str, column: str, write: Write) -> Figure:
        row = self.report.channels.loc[channel]
        estimate = _estimate_of(row, column, f"{column}_low", f"{column}_high")
        return self._estimate(f"{column}:{channel}", estimate, write)

    def _amount(self, key: str, estimate: Estimate) -> Figure:
        """Write an amount of the target, with as many digits as tell its ends apart."""
        for digits in _DIGITS:
            write = partial(self.amount, digits=digits)
            if write(estimate.low) != write(estimate.high):
                break
        return self._estimate(key, estimate, write)

    def _estimate(self, key: str, estimate: Estimate, write: Write) -> Figure:
        middle, low, high = map(write, estimate)
        if MISSING in (middle, low, high):
            return Figure(key, "estimate", self.texts.unknown)
        return Figure(key, "estimate", middle, f"({self.writer.span(low, high)})")


def _estimate_of(row: pd.Series, *columns: str) -> Estimate:
    return Estimate(*(float(row[column]) for column in columns))
