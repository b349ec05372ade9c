"""The terminal's `import`: a file of any program as settings of ours, or of others, with a report."""

from __future__ import annotations

from pathlib import Path

from kohya_gui.i18n.messages import text, translate
from kohya_gui.views.import_words import report_lines
from train_core.config.file_names import refused_name
from train_core.config.files import to_toml, write_preset
from train_core.config.interop.kohya_ss_export import export_kohya_ss, lost_in_kohya_ss
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.problems import UserError, problem
from train_core.config.whole_files import write_text
from train_core.facts.importing import Imported, open_foreign, with_dataset_file


def import_file(path: Path, to: Path | None, form: str, language: str) -> int:
    """Print the report on the file at `path`, and write its settings to `to`: ours, or as the program `form` has them.

    Returns 0. Raises `UserError` for a file that cannot be read, and where `to` exists already.
    """
    opened = open_foreign(path)
    for line in report_lines(opened.report, language):
        print(line)
    if to is None:
        return 0
    for written in write_settings(opened, to, form):
        print(text("ui.import.written", language, path=str(written)))
    for name in lost_in_kohya_ss(opened.settings, opened.report.family) if form == "kohya_ss" else ():
        print(text("ui.import.lost", language, name=name))
    return 0


def explained(error: UserError, language: str) -> str:
    """The problems of `error` in `language`, one a line."""
    return "\n".join(translate(found, language) for found in error.problems)


def write_settings(opened: Imported, to: Path, form: str) -> list[Path]:
    """Write settings to the new file `to`: ours as JSON or TOML by its ending, or those of kohya_ss or sd-scripts.

    Returns the files written: it, and the dataset file that it names where the settings need one. Raises `UserError`
    where the file exists or its folder does not.
    """
    _refuse_target(to)
    found = with_dataset_file(opened, to.parent, to.stem)
    config = found.settings
    if form == "kohya_ss":
        write_text(to, export_kohya_ss(config, found.kept, found.report.family))
    elif form == "sd-scripts":
        write_text(to, export_toml(config, found.report.family))
    elif to.suffix.lower() == ".toml":
        write_text(to, to_toml(config))
    else:
        write_preset(to, found.report.values, config.settings(), found.kept)
    return [to] if found is opened else [Path(config.dataset.dataset_config), to]


def _refuse_target(to: Path) -> None:
    if to.exists():
        raise UserError(
            problem("import_target_exists", "{path} exists already. Choose another name with --output.", path=str(to))
        )
    if not to.parent.is_dir():
        raise UserError(
            problem("import_target_folder", "There is no folder {folder}. Create it, or choose another one.",
                    folder=str(to.parent))
        )  # fmt: skip
    if refused_name(to.stem):
        raise UserError(problem("import_target_name", "{path} is no name for a file.", path=str(to)))
