"""Fits stored as they finish, so that an interrupted fleet goes on where it stopped."""

from __future__ import annotations

import logging
from pathlib import Path

from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SavedModelError, SpecificationError
from pymc_toolkit.fit_files import UNREADABLE, fit_header, read_file, restore_fit, write_file
from pymc_toolkit.fleets.job import Job

logger = logging.getLogger(__name__)

_KIND, _LAYOUT = "checkpoint", 1


class Checkpoints:
    """A folder of finished fits, each under the key of its job.

    The key is a digest of data, specification, sampling and versions: fits of anything else are
    simply not found, so that fleets may share a folder.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.

    Raises
    ------
    SpecificationError
        If it is a file.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise SpecificationError(
                f"Got checkpoint_dir={str(folder)!r}, which is a file; expected a folder, or the "
                "name of one to make."
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def load(self, job: Job) -> Fit | None:
        """The stored fit of a job, None if there is none of exactly this job.

        Parameters
        ----------
        job : Job

        Raises
        ------
        SavedModelError
            If the file of the job cannot be read.
        """
        path = self._path(job)
        if not path.is_file():
            return None
        idata, header = read_file(path, _KIND, _LAYOUT)
        try:
            fit, key = restore_fit(idata, header), header["key"]
        except UNREADABLE as error:
            raise SavedModelError(
                f"Got {str(path)!r}, which is damaged; expected a checkpoint. Delete it, and the "
                "fit is made anew."
            ) from error
        # The name of a file is no proof of what is in it.
        if key != job.key or fit.training.digest() != job.training.digest():
            logger.warning("%s holds the fit of another job; it is fitted anew.", path)
            return None
        logger.info("Took %r from %s.", job.name, path)
        return fit

    def store(self, job: Job, fit: Fit) -> Path:
        """Write a finished fit, whole or not at all.

        Parameters
        ----------
        job : Job
        fit : Fit
        """
        header = {"layout": _LAYOUT, "key": job.key, **fit_header(fit)}
        return write_file(fit.idata, header, self._path(job), _KIND)

    def _path(self, job: Job) -> Path:
        return self.folder / f"{job.key}.nc"
