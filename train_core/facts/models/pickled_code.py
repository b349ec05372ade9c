"""Names in pickles: which only make values, and which stand for program code."""

from __future__ import annotations

import _compat_pickle  # Python's own table of what Python 2 called things
import re
from collections.abc import Sequence
from typing import Any

# What may be called: it makes values of its arguments and does nothing else.
HARMLESS = re.compile(
    r"collections\.(OrderedDict|defaultdict|Counter|deque)"
    r"|builtins\.(dict|list|set|frozenset|tuple|int|long|float|complex|bool|str|unicode|bytes|bytearray|object|slice"
    r"|range|xrange|type)"
    r"|_codecs\.encode|copyreg\.(_reconstructor|__newobj__|__newobj_ex__)|re\._compile|_?operator\.getitem"
    r"|types\.(SimpleNamespace|GenericAlias)|typing\.[A-Z]\w*|argparse\.Namespace|functools\.partial"
    r"|datetime\.(datetime|date|time|timedelta|timezone)|zoneinfo\.ZoneInfo\._unpickle|decimal\.Decimal"
    r"|fractions\.Fraction|uuid\.(UUID|SafeUUID)|pathlib(\._local)?\.(Pure)?(Posix|Windows)?Path"
    r"|numpy(\.(_?core)\.(multiarray|numeric))?\.(scalar|_reconstruct|_frombuffer|dtype|ndarray|bool_?|str_|bytes_"
    r"|(u?int|float|complex)\d+)|numpy\.random\.(_pickle\.__\w+_ctor|bit_generator\.__pyx_unpickle_\w+)"
    r"|numpy\.dtypes\.\w+DType"
    r"|torch\.(Size|device|dtype)|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type(_v2)?"
    r"|torch\.serialization\._get_layout|torch\.nn\.parameter\.(Parameter|Buffer|UninitializedParameter)"
    # Classes, which begin with a capital, of the programs that checkpoints come from.
    r"|(pytorch_lightning|lightning|lightning_fabric|torchmetrics|omegaconf|hydra|transformers|diffusers|accelerate"
    r"|peft|ldm|sgm|torch\.(nn|optim|amp|cuda\.amp))\.([\w.]*\.)?[A-Z]\w*"
)
# What is refused even where it is only named, not called.
DANGEROUS = re.compile(
    r"(os|posix|nt|subprocess|sys|shutil|socket|importlib|imp|runpy|pty|ctypes|webbrowser|code|codeop|pdb|bdb|timeit"
    r"|cProfile|profile|trace|pip|marshal|pickle|_pickle|dill|cloudpickle|joblib|commands|popen2|multiprocessing"
    r"|asyncio|urllib|http|requests|httplib|smtplib|builtins\.__\w+__"
    r"|builtins\.(eval|exec|execfile|compile|open|file|getattr|setattr|delattr|globals|locals|vars|input|raw_input"
    r"|breakpoint|apply|help|exit|quit)|types\.(CodeType|FunctionType|LambdaType|MethodType)"
    r"|torch\.(hub|jit|package|load|serialization\.load|utils\.cpp_extension))(\..*)?"
)
ENUMERATION = "builtins.getattr"  # some Pythons pickle the members of enumerations by it


def full_name(module: str, name: str) -> str:
    """The name of what a pickle finds in a module, as today's Python calls it."""
    module, name = _compat_pickle.NAME_MAPPING.get(
        (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
    )
    return f"{module}.{name}"


def is_dangerous(name: str) -> bool:
    """Whether a pickle that so much as names this is refused."""
    return name != ENUMERATION and DANGEROUS.fullmatch(name) is not None


def may_call(name: str, arguments: Sequence[Any]) -> bool:
    """Whether calling this makes a value of its `arguments` and does nothing else; classes among them are names."""
    if name != ENUMERATION:
        return HARMLESS.fullmatch(name) is not None
    match arguments:
        case [str(cls), str(member)]:
            return HARMLESS.fullmatch(cls) is not None and not member.startswith("_")
    return False
