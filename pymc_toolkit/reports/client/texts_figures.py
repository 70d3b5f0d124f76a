"""Texts of the figures of a client's report, in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def _parts() -> Mapping[str, str]:
    return {
        "baseline": "Baseline",
        "trend": "Trend",
        "seasonality": "Season",
        "together": "All together",
    }


@dataclass(frozen=True)
class FigureTexts:
    """Titles, alternative texts, notes, legends and axes, by figure.

    Parameters
    ----------
    **others
        Each says by its name where it is shown.
    """

    parts: Mapping[str, str] = field(default_factory=_parts)
    controls: str = "{n} other drivers"
    others: str = "{n} other channels"
    interval: str = "{ci} interval"
    expected: str = "expected by the model"
    happened: str = "what happened"
    held_out: str = "held out"

    waterfall_title: str = "Of {whole} of {target}, media brought {media}"
    waterfall_alt: str = "Bars that begin where the one above ends, to the whole: {rows}."
    waterfall_note: str = (
        "Bars are means over the whole window and add up to the last; whiskers are the {ci} "
        "interval of each part by itself."
    )
    waterfall_axis: str = "{target}, whole window"
    waterfall_standing: str = "without media"
    waterfall_controls: str = "other drivers"
    waterfall_channel: str = "channel"
    waterfall_total: str = "together"
    waterfall_lowers: str = "lowers {target}"

    time_title: str = "What made up {target}, {period} by {period}"
    time_alt: str = "Stacked areas of what each part brought per {period}: {names}."
    time_note: str = (
        "Means; they add up to what the model expects (the thin line). What lowers {target} is "
        "drawn below zero."
    )
    per_period: str = "{target} per {period}"
    whole: str = "expected"

    roi_title: str = "{best} returned the most for every {one}: {roi}"
    roi_alt: str = "Return on spend of each channel, best first: {rows}."
    roi_note_money: str = (
        "Right of the dashed line a channel brought more than it cost. Where whiskers ({ci} "
        "intervals) overlap, channels cannot be ranked with certainty."
    )
    roi_note: str = (
        "Where whiskers ({ci} intervals) overlap, channels cannot be ranked with certainty."
    )
    roi_axis: str = "{target} per {one}"
    roi_average: str = "all of its money"
    roi_marginal: str = "the next {one}"
    roi_one: str = "break-even"

    shares_title: str = "{over} brought the most beyond its share of spend: {effect} of the effect"
    shares_title_one: str = "Share of spend beside share of media's effect"
    shares_alt: str = "Share of spend and of media's effect by channel: {rows}."
    shares_note: str = (
        "A channel whose mark lies right of its ring brought more than its share of the money. "
        "Whiskers are {ci} intervals."
    )
    shares_axis: str = "Share of all channels that were bought"
    shares_spend: str = "share of spend"
    shares_effect: str = "share of effect"

    curves_title: str = "What each channel brings at other levels of spend"
    curves_alt: str = (
        "Response curves of {channels}: {target} per {period} against spend per {period}, solid "
        "within what was seen and dashed beyond, with the present and the recommended spend."
    )
    curves_note: str = (
        "Upwards: {target} per {period}. Rightwards: spend or exposure per {period}, held for as "
        "long as effects last. Beyond what was seen the curve is a guess."
    )
    curves_shared: str = "All panels share one vertical scale."
    curves_own: str = "Each panel has its own vertical scale: compare shapes, not heights."
    curves_seen: str = "within what was seen"
    curves_beyond: str = "beyond"
    curves_present: str = "present"
    curves_recommended: str = "recommended"
    curves_axis_money: str = "{currency} per {period}"
    curves_axis: str = "Units per {period}"

    carry_title: str = "Half of what {slowest} brings has come after {half_life} {periods}"
    carry_alt: str = "Periods until half of the effect has come, by channel: {rows}."
    carry_note: str = (
        "The further left, the sooner spend works. What is spent at the end of a window goes on "
        "working after it. Lines are {ci} intervals."
    )
    carry_axis: str = "{periods} until half of the effect has come"

    budget_title_move: str = "{moved} of {total} would change places"
    budget_title_stay: str = "Nothing that was allowed for is clearly better than {plan}"
    budget_alt: str = "Planned and recommended money by channel: {rows}."
    budget_note: str = (
        "The grey line shows between which amounts the budget was looked for. Money is over the "
        "next {horizon}."
    )
    budget_axis: str = "Money over the next {horizon}"
    budget_limits: str = "looked at between"
    budget_current: str = "{plan}"
    budget_recommended: str = "recommended"
    budget_row: str = "{current} \N{RIGHTWARDS ARROW} {recommended}"

    fit_title: str = "{inside} of {held} that the model had not seen fell within its {ci} interval"
    fit_title_none: str = "What happened, and what the model says of it"
    fit_alt: str = (
        "{target} per {period}: dots for what happened, a line and a band for what the model "
        "expected, with the last {held} held out."
    )
    fit_note: str = (
        "The model learned without the shaded {periods} and then had to predict them from spend "
        "and other drivers alone. About {ci} of all dots should fall within the band."
    )

    experiments_title: str = "Measured in experiments, beside what the model says"
    experiments_alt: str = "For each experiment, measured and modelled: {rows}."
    experiments_note: str = (
        "A model that had not seen an experiment and agrees with it deserves trust; one that "
        "cannot agree even after seeing it is wrong somewhere, or the experiment is. Lines are "
        "{ci} intervals."
    )
    experiments_axis: str = "{target} that the change of spend brought"
    experiments_measured: str = "measured"
    experiments_without: str = "model without experiments"
    experiments_with: str = "model with them"

    refresh_title: str = "{moved} of {channels} moved beyond what was thought possible before"
    refresh_alt: str = "Return of each channel before and after the refresh: {rows}."
    refresh_note: str = "Lines are {ci} intervals."
    refresh_before: str = "before the refresh"
    refresh_after: str = "now"

    priors_title: str = (
        "The data narrowed {narrowed} of {all} to less than half of what was assumed possible"
    )
    priors_alt: str = "Intervals assumed before and learned from the data, of {all}."
    priors_note: str = (
        "Medians and {ci} intervals, on the scaled data. Where both are alike, the data said "
        "little."
    )
    priors_before: str = "assumed before"
    priors_after: str = "learned"
