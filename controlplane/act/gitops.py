"""Hands that write patch files for a GitOps pipeline: per object one file with exactly the fields we ask for.

Fields of earlier changes stay in the file. Somebody else's edit of a field is never overwritten: that is a
conflict, and a person decides.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from controlplane.act import pointer
from controlplane.act.forms import API_VERSIONS, Form, Merge, Operations
from controlplane.act.patch_file import PatchFile, head, is_by, load, save
from controlplane.clock import Clock
from controlplane.errors import ActError
from controlplane.loop.ports import Hands
from controlplane.model.change import Change, ChangeState, Receipt
from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange, Patch

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""A Kubernetes name: nothing that could leave the directory."""


class GitOps(Hands):
    """Implements the port Hands over a directory that a pipeline (or a person) applies."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def apply(self, change: Change) -> Receipt:
        where = ""
        try:
            new: list[tuple[Path, PatchFile]] = []
            for form, path, fields in self._files(change.patch):
                where = str(path)
                there = load(path)
                for field in fields:
                    foreign = form.foreign(there.document, field)
                    if foreign is not None:
                        return self._receipt(
                            change, ChangeState.CONFLICT, f"{foreign}; merge or remove it first", where
                        )
                heads = {**there.heads, **{field.path: head(change, field.before) for field in fields}}
                new.append(
                    (path, PatchFile(document=form.put(there.document, change.patch.target, fields), heads=heads))
                )
            for path, file in new:
                where = str(path)
                save(path, file)
        except (ActError, OSError) as error:
            return self._receipt(change, ChangeState.FAILED, str(error), where)
        return self._receipt(change, ChangeState.APPLIED, f"wrote {change.patch}", where)

    def look_up(self, change: Change) -> Receipt | None:
        """Written when our file names the change at each of its fields and asks for its values."""
        where = ""
        try:
            for form, path, fields in self._files(change.patch):
                where, there = str(path), load(path)
                for field in fields:
                    if not is_by(there.heads.get(field.path, ""), change) or not form.holds(there.document, field):
                        return None
        except (ActError, OSError):
            return None
        return self._receipt(change, ChangeState.APPLIED, f"found {change.patch}", where)

    def _files(self, patch: Patch) -> Iterator[tuple[Form, Path, Sequence[FieldChange]]]:
        """The files a patch goes into. Raises ``ActError`` for what cannot be written down."""
        if not patch.fields:
            raise ActError("the patch names no field")
        stem = self._stem(patch.target)
        into_lists = [f for f in patch.fields if pointer.into_list(f.path)]
        others = [f for f in patch.fields if not pointer.into_list(f.path)]
        forms: tuple[tuple[Form, list[FieldChange]], ...] = ((Merge(), others), (Operations(), into_lists))
        for form, fields in forms:
            if fields:
                yield form, stem.with_name(stem.name + form.suffix), fields

    def _stem(self, target: ObjectRef) -> Path:
        if target.kind not in API_VERSIONS:
            raise ActError(f"cannot write a patch for a {target.kind}; known: {', '.join(API_VERSIONS)}")
        for name in (target.namespace, target.name):
            if not NAME.fullmatch(name):
                raise ActError(f"{name!r} is not a Kubernetes name")
        return self._directory / target.namespace / f"{target.kind.lower()}-{target.name}"

    def _receipt(self, change: Change, state: ChangeState, said: str, where: str) -> Receipt:
        return Receipt(change=change.id, state=state, at=self._clock.now(), said=said, where=where)
