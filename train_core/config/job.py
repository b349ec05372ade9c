"""A job's settings as one object: sections side by side, and all of them as one flat table."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from train_core.config.setting import Section, Setting, settings_of


class Job(BaseModel):
    """Base of every job's settings: each field is a `Section`. Setting names are unique within a job."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    job_name: ClassVar[str] = ""

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.job_name = name

    @classmethod
    def sections(cls) -> dict[str, type[Section]]:
        """The sections by their key, which is also the name of their TOML table."""
        return {key: field.annotation for key, field in cls.model_fields.items()}  # type: ignore[misc]

    @classmethod
    def settings(cls) -> list[Setting]:
        """Every setting of the job in the order of its declaration."""
        return [s for key, section in cls.sections().items() for s in settings_of(key, section)]

    def flat(self) -> dict[str, Any]:
        """All values by setting name."""
        return {name: value for key in type(self).sections() for name, value in dict(getattr(self, key)).items()}

    @classmethod
    def from_flat(cls, values: dict[str, Any]) -> Self:
        """The job with `values` (already of the right types) over the defaults."""
        sections = {
            key: section(**{name: values[name] for name in section.model_fields if name in values})
            for key, section in cls.sections().items()
        }
        return cls(**sections)  # type: ignore[arg-type]

    def applicable(self) -> dict[str, Any]:
        """The values of the settings that apply, by name: what is written, whatever base model it is used with."""
        values = self.flat()
        return {s.name: values[s.name] for s in self.settings() if s.applies_to.holds(values)}
