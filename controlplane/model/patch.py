"""A change to one object, as absolute values at paths. Never an increment: "set max to 8"."""

from dataclasses import dataclass

from controlplane.model.keys import ObjectRef

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field. ``path`` is a JSON pointer (RFC 6901); ``before`` is what was seen, ``None`` if absent."""

    path: str
    before: Scalar
    after: Scalar

    def inverse(self) -> "FieldChange":
        """The change that restores what was there."""
        return FieldChange(path=self.path, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """All field changes of one object. Applying it twice is the same as applying it once."""

    target: ObjectRef
    fields: tuple[FieldChange, ...]

    def inverse(self) -> "Patch":
        """The undo: restores exactly what was there."""
        return Patch(target=self.target, fields=tuple(f.inverse() for f in self.fields))

    def __str__(self) -> str:
        return f"{self.target}: " + ", ".join(f"{f.path} {f.before} → {f.after}" for f in self.fields)
