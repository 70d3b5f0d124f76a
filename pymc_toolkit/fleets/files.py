"""Members of a fleet as a tree of arrays and plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import xarray as xr

from pymc_toolkit.fit_files import fit_header, restore_fit
from pymc_toolkit.fleets.job import Client, Job
from pymc_toolkit.fleets.member import Failure, Member
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling


def fleet_to_tree(members: Sequence[Member]) -> tuple[xr.DataTree, dict[str, Any]]:
    """Members as groups of arrays, and the rest of them as plain values.

    A fit that members share is kept once.

    Parameters
    ----------
    members : sequence of Member
    """
    fits = {member.job.key: member.fit for member in members if not member.failure}
    order = list(fits)
    groups: dict[str, xr.Dataset] = {}
    for i, member in enumerate(members):
        groups[f"members/{i}/data"] = member.job.data.to_arrays()
        if member.job.truth is not None:
            groups[f"members/{i}/truth"] = member.job.truth
    tree = xr.DataTree.from_dict(groups)
    for i, fit in enumerate(fits.values()):
        tree[f"fits/{i}"] = fit.idata.copy()
    header = {
        "fits": [fit_header(fit) for fit in fits.values()],
        "members": [
            {
                **_job_header(member.job),
                "fit": None if member.failure else order.index(member.job.key),
                "failure": asdict(member.failure) if member.failure else None,
            }
            for member in members
        ],
    }
    return tree, header


def fleet_from_tree(tree: xr.DataTree, header: Mapping[str, Any]) -> tuple[Member, ...]:
    """Members from what :func:`fleet_to_tree` gave.

    Parameters
    ----------
    tree : xarray.DataTree
    header : Mapping
    """
    fits = [
        restore_fit(tree.children["fits"].children[str(i)].copy(), values)
        for i, values in enumerate(header["fits"])
    ]
    members = []
    for i, values in enumerate(header["members"]):
        arrays = tree[f"members/{i}"]
        truth = arrays["truth"].to_dataset() if "truth" in arrays.children else None
        data = ModelData.from_arrays(arrays["data"].to_dataset(), values["frequency"])
        outcome = fits[values["fit"]] if values["failure"] is None else Failure(**values["failure"])
        members.append(Member(_job(values, data, truth), outcome))
    return tuple(members)


def _job_header(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "client": asdict(job.client),
        "frequency": job.data.frequency,
        "trained_on": job.trained_on,
        "engine": job.engine,
        "spec": job.spec.to_dict(),
        "sampling": asdict(job.sampling),
        "about": dict(job.about),
    }


def _job(values: Mapping[str, Any], data: ModelData, truth: xr.Dataset | None) -> Job:
    return Job(
        name=values["name"],
        client=Client(**values["client"]),
        data=data,
        trained_on=values["trained_on"],
        engine=values["engine"],
        spec=ModelSpec.from_dict(values["spec"]),
        sampling=Sampling(**values["sampling"]),
        about=values["about"],
        truth=truth,
    )
