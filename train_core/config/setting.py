"""How a setting is declared: one line that gives type, default, bounds, help and when it applies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Values = Mapping[str, Any]
# "file" is a model's file, "adapter" an adapter's and "adapters" a list of them; "data" is a file that describes
# images, "image" a picture or a data URL that holds one; "prompts" is text, or the path of a file that holds it;
# "layers" is the name of a preset of layers, or the path of a file with one.
PathKind = Literal[
    "file", "adapter", "adapters", "data", "folder", "image", "layers", "output", "prompts", "result", "state", "yaml"
]


@dataclass(frozen=True)
class Condition:
    """When a setting applies: a test over all values of the job, and the same in words."""

    words: str
    test: Callable[[Values], bool]

    def __call__(self, values: Values) -> bool:
        return self.test(values)


def when(name: str, *accepted: Any) -> Condition:
    """Applies while the setting `name` holds one of `accepted`."""
    words = " or ".join("on" if v is True else "off" if v is False else str(v) for v in accepted)
    return Condition(f"{name} is {words}", lambda values: values.get(name) in accepted)


def when_set(*names: str) -> Condition:
    """Applies while one of the settings `names` has a value that is not empty or zero."""
    return Condition(f"{' or '.join(names)} is set", lambda values: any(values.get(name) for name in names))


def both(one: Condition, other: Condition) -> Condition:
    """Applies while `one` and `other` do."""
    return Condition(f"{one.words}, and {other.words}", lambda values: one(values) and other(values))


ALWAYS = Condition("always", lambda values: True)


@dataclass(frozen=True)
class Traits:
    """What pydantic does not keep of a setting: how it is shown, where it applies, whether it is a path.

    `suggestions` are offered but other text is allowed; fixed choices are a `Literal` type. `required` settings have an
    empty default and must be filled before a job starts, unless one of the settings in `unless` is; then that one does
    its work. `lines` above 1 asks for a text area of that height.
    """

    label: str = ""
    unit: str = ""
    applies_to: Condition = ALWAYS
    path: PathKind | None = None
    lines: int = 1
    advanced: bool = False
    suggestions: tuple[str, ...] = ()
    required: bool = False
    unless: tuple[str, ...] = ()


TRAITS = {field.name for field in fields(Traits)}


def setting(default: Any, help: str, **declared: Any) -> Any:
    """Declare a setting. `declared` are `Traits` and pydantic's bounds: ge, gt, le, lt, multiple_of, pattern, …"""
    traits = Traits(**{name: value for name, value in declared.items() if name in TRAITS})
    bounds = {name: value for name, value in declared.items() if name not in TRAITS}
    return Field(default, description=help, json_schema_extra={"traits": traits}, **bounds)  # type: ignore[dict-item]


class Section(BaseModel):
    """A titled group of settings: one table of the TOML file, one block of the form."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    title: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.title = cls.model_config.get("title") or ""


@dataclass(frozen=True)
class Setting:
    """A declared setting, as the form, the files and the documentation read it."""

    name: str
    section: str
    field: FieldInfo
    traits: Traits

    @property
    def default(self) -> Any:
        return self.field.get_default(call_default_factory=True)

    @property
    def help(self) -> str:
        return self.field.description or ""

    @property
    def label(self) -> str:
        return self.traits.label or self.name.replace("_", " ").capitalize()

    @property
    def annotation(self) -> Any:
        return self.field.annotation

    def bound(self, name: str) -> float | None:
        """The numeric bound `ge`, `gt`, `le` or `lt` of this setting, or None."""
        return next((getattr(m, name) for m in self.field.metadata if getattr(m, name, None) is not None), None)


def settings_of(section_key: str, section: type[Section]) -> list[Setting]:
    """The settings that `section` declares, in their order."""
    return [
        Setting(name, section_key, field, field.json_schema_extra["traits"])  # type: ignore[index,arg-type]
        for name, field in section.model_fields.items()
    ]
