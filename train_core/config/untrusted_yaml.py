"""YAML of other programs, parsed within limits as `untrusted.py` does; apart from it, since JSON is read before PyYAML
is there."""

from __future__ import annotations

from typing import Any

import yaml

from train_core.config.phrases import phrase
from train_core.config.untrusted import NotReadable, check_depth, of_digits, too_deep

YAML_BYTES = 32 << 10  # parsing it is slow


def yaml_of(text: str) -> Any:
    """What plain YAML says: no tags, and no aliases, by which a few lines stand for billions. Raises NotReadable."""
    if len(text) > YAML_BYTES:
        raise NotReadable(phrase("file_too_large", "it is larger than {most} KB", most=YAML_BYTES >> 10))
    try:
        found = yaml.load(text, Loader=_PlainLoader)
    except RecursionError:
        raise NotReadable(too_deep()) from None
    except NotReadable:
        raise
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
        raise NotReadable(of_digits(error)) from error
    check_depth(found)
    return found


class _PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise NotReadable(phrase("yaml_alias", "it refers to other parts of itself by *, which is not read here"))
        return super().compose_node(parent, index)
