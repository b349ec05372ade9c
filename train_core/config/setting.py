"""Declarations of settings: one line gives type, default, bounds, help and when it applies."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from train_core.config.conditions import ALWAYS, Condition, all_of

# "file" is a model's file, "adapter" an adapter's and "adapters" a list of them, "embedding" and "embeddings" those of
# new words, which may be pictures; "data" is a file that describes
# images, "image" a picture or a data URL that holds one; "prompts" is text, or the path of a file that holds it;
# "layers" is the name of a preset of layers, or the path of a file with one.
PathKind = Literal[
    "file", "adapter", "adapters", "data", "embedding", "embeddings", "folder", "image", "layers", "onnx", "output",
    "prompts", "result", "state", "video", "yaml",
]


@dataclass(frozen=True)
class Traits:
    """Properties of a setting besides pydantic's: how it is shown, where it applies, whether it is a path.

    `suggestions` are offered but other text is allowed; fixed choices are a `Literal` type. `required` settings have an
    empty default and must be filled before a job starts, unless one of the settings in `unless` is; then that one does
    its work. `lines` above 1 asks for a text area of that height. `arguments` are a list of key=value pairs. With
    `zero_unset` 0 means the default, as other programs write what is not asked for. In `plain` text, a small language
    of numbers and names, full-width characters count as plain ones, and with `comma_at_end` a comma behind the last one
    means nothing. `folder_setting` makes it the name of a file, whose folder that setting takes.
    """

    label: str = ""
    unit: str = ""
    applies_to: Condition = ALWAYS
    path: PathKind | None = None
    lines: int = 1
    arguments: bool = False
    zero_unset: bool = False
    plain: bool = False
    comma_at_end: bool = False
    folder_setting: str = ""
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
    """A titled group of settings: one table of the TOML file, one block of the form.

    `class X(Section, title="…", applies_to=when(…))`: its settings apply only while the section does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    title: ClassVar[str] = ""
    applies_to: ClassVar[Condition] = ALWAYS

    def __init_subclass__(cls, applies_to: Condition = ALWAYS, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.applies_to = applies_to

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.title = cls.model_config.get("title") or ""

    def __hash__(self) -> int:
        """A number by which findings are kept; lists count by what is in them."""
        return hash(self.model_dump_json())


@dataclass(frozen=True)
class Setting:
    """A declared setting, as the form, the files and the documentation read it."""

    name: str
    section: str
    field: FieldInfo
    traits: Traits
    applies_to: Condition  # the section's condition and its own

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


@cache
def settings_of(section_key: str, section: type[Section]) -> tuple[Setting, ...]:
    """The settings that `section` declares, in their order."""
    traits: dict[str, Traits] = {
        name: field.json_schema_extra["traits"]  # type: ignore[index,misc]
        for name, field in section.model_fields.items()
    }
    return tuple(
        Setting(name, section_key, field, traits[name], all_of(section.applies_to, traits[name].applies_to))
        for name, field in section.model_fields.items()
    )
