"""Without torch the room of the deep engine says what to install; this needs no torch to test."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(code: str) -> None:
    script = textwrap.dedent(code)
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=120)


def test_without_torch_the_error_names_the_extra() -> None:
    run(
        """
        import sys
        sys.modules["torch"] = None  # as if it were not installed
        from pymc_toolkit.exceptions import MissingExtraError
        try:
            import pymc_toolkit.engines.deep
        except MissingExtraError as error:
            assert "Got no torch" in str(error) and "pymc_toolkit[deep]" in str(error)
            assert isinstance(error, ImportError)
        else:
            raise AssertionError("no error")
        """
    )


def test_other_engines_do_not_import_torch() -> None:
    run(
        """
        import sys
        from pymc_toolkit.engines import get_engine
        get_engine("bayesian")
        assert "torch" not in sys.modules
        """
    )
