"""Where the elements of arrays lie, and how text names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ONE = "1"


@dataclass(frozen=True)
class Memory:
    """Elements that lie one behind the other, the last axis closest; or one scalar.

    Parameters
    ----------
    name : str
        Of the array, or of the scalar itself.
    dims : tuple of str
        Length of each axis, as text.
    offset : str
        Where in the array they begin.
    is_scalar : bool
        Whether the name is the value.
    """

    name: str
    dims: tuple[str, ...] = ()
    offset: str = ""
    is_scalar: bool = False

    def at(self, indices: Sequence[str]) -> str:
        """The element at some indices, as text."""
        if self.is_scalar:
            return self.name
        terms = [self.offset] if self.offset else []
        for i, index in enumerate(indices):
            if index != "0":
                terms.append(" * ".join([index, *long_dims(self.dims[i + 1 :])]))
        return f"{self.name}[{' + '.join(terms) or '0'}]"


@dataclass(frozen=True)
class View:
    """A memory under another order of its axes, some of them repeated or dropped.

    Parameters
    ----------
    memory : Memory
    dims : tuple of str
    axes : tuple of int or None
        Axis of the memory that each axis runs along; None where all elements are the same.
    """

    memory: Memory
    dims: tuple[str, ...]
    axes: tuple[int | None, ...]

    @classmethod
    def whole(cls, memory: Memory) -> View:
        """A memory as it is."""
        return cls(memory, memory.dims, tuple(range(len(memory.dims))))

    def within(self, indices: Sequence[str]) -> tuple[str, ...]:
        """Indices of the memory from those of the view."""
        own = ["0"] * len(self.memory.dims)
        for index, axis in zip(indices, self.axes, strict=True):
            if axis is not None and self.memory.dims[axis] != ONE:
                own[axis] = index
        return tuple(own)

    def at(self, indices: Sequence[str]) -> str:
        """The element at some indices, as text."""
        return self.memory.at(self.within(indices))


def long_dims(dims: Sequence[str]) -> list[str]:
    """Dims longer than one."""
    return [dim for dim in dims if dim != ONE]


def loop_indices(dims: Sequence[str]) -> list[str]:
    """Name of the loop that runs over each axis; axes of length one have none."""
    numbers = iter(range(len(dims)))
    return ["0" if dim == ONE else f"i{next(numbers)}" for dim in dims]
