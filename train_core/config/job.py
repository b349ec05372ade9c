"""A job's settings as one object: sections side by side, all of them as one flat table; and what the job is."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from train_core.config.setting import Section, Setting, settings_of

# No accelerator; one process that may use it; or as many processes as the settings ask for.
Uses = Literal["cpu", "device", "processes"]


class Job(BaseModel):
    """Base of every job's settings: each field is a `Section`. Setting names are unique within a job.

    `entry` is the function that does the work, as `module:function`, imported when it is needed; it is called with the
    settings, the run's folder, where events go and what the checks found. `checks` names one that needs no torch and
    finds, from settings and folder, what stands in the way before the work begins (`facts.preflight.Findings`). `title`
    is what the page calls the job in English. The folder of a run is removed afterwards unless `keeps_run`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    job_name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    entry: ClassVar[str] = ""
    checks: ClassVar[str] = ""
    uses: ClassVar[Uses] = "device"
    keeps_run: ClassVar[bool] = True

    def __init_subclass__(
        cls, name: str = "", entry: str = "", checks: str = "", uses: Uses | None = None, **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        cls.job_name, cls.entry = name, entry
        cls.checks = checks or cls.checks
        cls.uses = uses or cls.uses

    @classmethod
    def of(cls, settings: Any) -> Self:
        """The job's settings from those in its file: the same, unless it takes those of another job."""
        return settings  # type: ignore[no-any-return]

    def run_name(self) -> str:
        """The name of a run with these settings, as part of its folder's name."""
        return self.job_name

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

    def in_force(self) -> Self:
        """The settings with those that do not apply at their defaults, so that nothing else has to ask which apply."""
        return self.from_flat(self.applicable())

    def applicable(self) -> dict[str, Any]:
        """The values of the settings that apply, by name: what is written, whatever base model it is used with."""
        values = self.flat()
        return {s.name: values[s.name] for s in self.settings() if s.applies_to.holds(values)}


class Tool(Job):
    """Base of the settings of tools for finished files.

    The work is `run(config, report)`, in the file of the tool's name in `workshop/` unless `entry` says otherwise. All
    settings may come from the command line. Folders of uses long ago are cleared away. The title is that of the first
    section, unless one is given.
    """

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**{"name": name, "entry": f"train_core.workshop.{name}:run", "uses": "cpu", **kwargs})

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "title" not in vars(cls):
            cls.title = next((section.title for section in cls.sections().values()), "")
