"""Every text of a client's report, in English; another object of this kind is another language.

Fields in braces are filled in with figures and names; a translation may put them in any order or
leave them out. Sentences of checks, evidence and advice come from where they were judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pymc_toolkit.reports.client.contract import (
    IDENTIFIED,
    INCREASE,
    KEEP,
    PRIOR_DRIVEN,
    REDUCE,
    TEST,
    TESTED,
)
from pymc_toolkit.reports.client.texts_figures import FigureTexts
from pymc_toolkit.verdicts import Status


def _periods() -> Mapping[str, tuple[str, str]]:
    singular = ("day", "week", "month", "quarter", "year", "period")
    return {name: (name, f"{name}s") for name in singular}


def _verbs() -> Mapping[str, str]:
    return {INCREASE: "Increase", KEEP: "Keep", TEST: "Test first", REDUCE: "Reduce"}


def _tiers() -> Mapping[str, str]:
    return {
        TESTED: "Tested",
        IDENTIFIED: "Seen in the data",
        PRIOR_DRIVEN: "Mostly assumed",
    }


def _statuses() -> Mapping[str, str]:
    return {Status.PASS: "Passed", Status.REVIEW: "Look", Status.FAIL: "Failed"}


@dataclass(frozen=True)
class Texts:
    """All texts of a report.

    Parameters
    ----------
    language : str
        Code of the language, for the page's ``lang``.
    figures : FigureTexts
        Texts of the figures.
    **others
        Each says by its name where it is shown.
    """

    language: str = "en"
    figures: FigureTexts = field(default_factory=FigureTexts)
    to: str = "to"
    periods: Mapping[str, tuple[str, str]] = field(default_factory=_periods)
    checks: tuple[str, str] = ("check", "checks")
    channels: tuple[str, str] = ("channel", "channels")
    parameters: tuple[str, str] = ("parameter", "parameters")
    verbs: Mapping[str, str] = field(default_factory=_verbs)
    tiers: Mapping[str, str] = field(default_factory=_tiers)
    statuses: Mapping[str, str] = field(default_factory=_statuses)
    unknown: str = "\N{EN DASH}"
    plan: str = "the plan"
    plan_scaled: str = "the plan scaled to {total}"
    keep: str = "Keep the plan"
    keep_scaled: str = "Keep the plan's proportions"
    list_comma: str = ", "

    title: str = "What media earned, and what to do next"
    skip: str = "Skip to the report"
    window: str = "{first} to {last}"
    logo_alt: str = "Logo of {name}"
    no_script: str = (
        "The figures need JavaScript, which is part of this file. Without it, read the tables."
    )

    headline_move: str = (
        "Media brought {share} of {target}; moving {moved} of the {total} planned for the next "
        "{horizon} should bring {uplift} more."
    )
    headline_move_scaled: str = (
        "Media brought {share} of {target}; moving {moved} of the {total} asked about for the next "
        "{horizon} should bring {uplift} more than {plan}."
    )
    headline_budget: str = (
        "Media brought {share} of {target}; {total} for the next {horizon}, instead of the "
        "{planned} planned, should change it by {uplift}."
    )
    headline_stay: str = (
        "Media brought {share} of {target}; no other division of the {total} for the next "
        "{horizon} is clearly better than {plan}."
    )
    headline_unlikely: str = (
        "Media brought {share} of {target}; the budget asked about is not clearly better than "
        "{plan} for the next {horizon}."
    )
    headline_untested: str = (
        "Media brought {share} of {target}; the budget asked about rests, at least in part, on "
        "channels of which the evidence does not say enough."
    )
    headline_none: str = "Media brought {share} of {target}."
    headline_unknown: str = (
        "Media brought {share} of {target}; which channels brought it, the data do not say well "
        "enough to divide a budget."
    )
    headline_blocked: str = (
        "No recommendation yet: the model did not pass checks that advice on money needs."
    )

    tile_share: str = "Media's share"
    tile_share_note: str = "of {target} from {first} to {last}"
    tile_roi: str = "Return on media"
    tile_roi_money_note: str = "of {target} for every {one} spent"
    tile_roi_note: str = "{target} for every {one} spent"
    tile_uplift: str = "Gain expected"
    tile_uplift_note: str = "{target} from the {budget}, beyond {plan}"
    tile_chance: str = "Chance of a gain"
    tile_chance_note: str = "that the {budget} beats {plan}"
    recommended_budget: str = "recommended budget"
    asked_budget: str = "budget asked about"
    tile_stay: str = "{keep}"
    tile_stay_note: str = "No other budget is likely enough to bring more."
    tile_nothing: str = "No recommendation"
    tile_nothing_blocked: str = "Its figures would rest on a model that did not pass."
    tile_nothing_bought: str = "No channel is bought with money: there is no budget to divide."
    tile_nothing_known: str = (
        "Every channel's return is mostly assumed. An experiment should come before a budget is "
        "divided by it."
    )
    tile_nothing_asked: str = "No budget was compared with the plan."
    diagnosis_only: str = "for diagnosis only"

    trust_heading: str = "Can you rely on this?"
    trust_yes: str = "Yes"
    trust_care: str = "With care"
    trust_no: str = "Not yet"
    trust_one: str = "The one check of the data and the model passed."
    trust_all: str = "All {total} of the data and the model passed."
    trust_some: str = "{passed} of {total} of the data and the model passed."
    trust_look: str = "To look at: {names}."
    trust_failed: str = "Failed: {names}."
    trust_evidence: str = (
        "What channels returned was tested in experiments for {tested} of {channels}, can be seen "
        "in the data for {identified}, and is mostly assumed for {assumed}."
    )

    channels_heading: str = "What each channel returned"
    channels_more: str = "{shown} largest of {all}; all of them are in the tables below."
    column_channel: str = "Channel"
    column_spend: str = "Spend"
    column_roi: str = "Return per {one}"
    column_marginal: str = "Of the next {one}"
    column_above_one: str = "P(return > 1)"
    column_tier: str = "Evidence"
    column_verb: str = "Advice"
    not_bought: str = "not bought"
    ranges: str = (
        "Numbers in parentheses: the true value lies between them with {ci} probability, if the "
        'model is right. "Of the next {one}" is what more money would '
        "return where spend is now."
    )

    moves_heading: str = "What to move in the next {horizon}"
    move: str = "{amount} from {source} to {destination}"
    move_uncarried: str = (
        "{amount} from {source} to {destination} \N{EN DASH} only after a test: the evidence does "
        "not carry it yet"
    )
    move_add: str = "{amount} more for {destination}"
    move_cut: str = "{amount} less for {source}"
    change_uncarried: str = (
        "{change} \N{EN DASH} only after a test: the evidence does not carry it yet"
    )
    moves_more: str = (
        "These are the largest. The whole plan, by channel and {period}, is under {section}."
    )
    moves_none: str = (
        "{keep}. Nothing that was allowed for is likely enough to bring more; what would "
        "change that is under {section}."
    )
    moves_missing: str = "What would make a recommendation possible is under {section}."
    remedies_heading: str = "What to do before any budget is moved"
    remedies_none: str = "Ask the people who made the model what the failed checks mean."

    nav_label: str = "Sections"
    section_earned: tuple[str, str] = ("What media earned", "Where did {target} come from?")
    section_returns: tuple[str, str] = ("Returns", "What did each channel return?")
    section_more: tuple[str, str] = ("More or less spend", "What would more or less spend bring?")
    section_budget: tuple[str, str] = ("The budget", "What should the next {horizon} look like?")
    section_trust: tuple[str, str] = ("Can it be believed", "Can these numbers be believed?")
    section_experiments: tuple[str, str] = ("Experiments", "What did experiments teach?")
    section_refresh: tuple[str, str] = (
        "Since last time",
        "What changed since the last report, and why?",
    )
    section_doubts: tuple[str, str] = ("Doubts", "What would change our mind?")
    section_priors: tuple[str, str] = (
        "Assumed and learned",
        "For data scientists: what was assumed, what was learned",
    )

    table_channels: str = "Every channel, over the whole window"
    column_contribution: str = "Brought ({ci})"
    column_effect: str = "Share of effect ({ci})"
    column_spend_share: str = "Share of spend"
    table_budget: str = "Money for the next {horizon}, by channel"
    column_current: str = "Plan"
    column_current_scaled: str = "Plan, scaled to {total}"
    scaled_note: str = (
        "The plan as it was given spends {planned}. Everything here is compared with that plan "
        "scaled to {total}: each channel in proportion, unless it was asked to stay."
    )
    column_recommended: str = "Recommended"
    column_change: str = "Change"
    column_rests: str = "Because"
    column_limits: str = "Looked at between"
    column_reason: str = "Why"
    held: str = "kept at the plan"
    at_bound: str = "at its limit"
    beyond_seen: str = "beyond what was seen"
    table_checks: str = "Every check"
    column_check: str = "Check"
    column_outcome: str = "Outcome"
    column_finding: str = "What came out"
    column_remedy: str = "What to do"
    table_evidence: str = "What the return of each channel rests on"
    table_scores: str = "Average error on the {held} held out"
    column_prediction: str = "Prediction"
    column_error: str = "Average error"
    model_name: str = "the model"
    baseline_names: Mapping[str, str] = field(
        default_factory=lambda: {
            "seasonal naive": "the same time last year",
            "training mean": "the average of the past",
        }
    )
    table_experiments: str = "Experiments and what the model says of them"
    column_experiment: str = "Experiment"
    column_when: str = "When"
    column_measured: str = "Measured ({ci})"
    column_without: str = "Model without it ({ci})"
    column_with: str = "Model with it ({ci})"
    table_refresh: str = "Returns before and after the refresh"
    column_before: str = "Before ({ci})"
    column_after: str = "After ({ci})"
    column_moved: str = "Compared"
    refresh_within: str = "within what was thought possible"
    refresh_outside: str = "outside what was thought possible"
    refresh_note: str = (
        "The last refresh added {added} and took the data to {last}; of the earlier ones it "
        "restated {restated}. Whatever moved, moved because of those: the scales of the model "
        "and what it assumes stayed as they were."
    )
    download: str = "Download this table as CSV"
    download_flighting: str = "Download the recommended money by {period} as CSV"

    table_doubts: str = "What we are least sure of, and what would settle it"
    column_doubt: str = "What"
    column_why: str = "Why it matters"
    column_settle: str = "What would settle it"
    doubt_check: str = "Check: {name}"
    doubt_prior: str = "Return of {channel}"
    doubt_prior_why: str = (
        "{roi} rests mostly on what was assumed before the data were seen, and {spend} was spent."
    )
    doubt_prior_settle: str = (
        "An experiment: regions or weeks with and without it, or a change of its spend that "
        "follows nothing else."
    )
    doubt_wide: str = "Whether {channel} pays for itself"
    doubt_wide_why: str = "{roi}: the range holds both a gain and a loss."
    doubt_wide_settle: str = "A change of its spend large enough to be seen, and time."
    doubt_beyond: str = "The recommended spend on {channel}"
    doubt_beyond_why: str = "{recommended} goes beyond any {period} seen: the curve is a guess."
    doubt_beyond_settle: str = "Going there in steps, with a look at the model after each."
    doubt_bound: str = "How far to go with {channel}"
    doubt_bound_why: str = "The recommendation stops at the limit that was set for it."
    doubt_bound_settle: str = "Wider limits, after the first step has paid off."
    doubt_untested: str = "All returns together"
    doubt_untested_why: str = (
        "No experiment stands behind any of them: they follow from how spend and {target} moved."
    )
    doubt_untested_settle: str = "One experiment on the channel with the most spend."
    doubts_none: str = "Nothing stands out: all checks passed and every channel was tested."

    provenance_heading: str = "Where these numbers come from"
    provenance_window: str = "Data"
    provenance_periods: str = "{first} to {last}, {count}"
    provenance_made: str = "Made"
    provenance_model: str = "Model"
    provenance_fit: str = "{engine} engine, {settings}, random seed {seed}"
    provenance_intervals: str = "Intervals"
    provenance_interval: str = "{ci}, equal-tailed"
    provenance_versions: str = "Versions"
    provenance_spec: str = "Specification (SHA-256)"
    provenance_data: str = "Data (SHA-256)"


ENGLISH = Texts()
