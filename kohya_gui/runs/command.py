"""The call of a job: accelerate's configuration in full, the argument list and the environment."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import yaml

from kohya_gui.runs.devices import World
from train_core.config.places import PACKAGE_PARENT

# Left behind by other tools or by a launcher around us, each of these would change what the job does.
FOREIGN = re.compile(
    r"(ACCELERATE|FSDP|DEEPSPEED|MEGATRON_LM|PARALLELISM_CONFIG|TORCHELASTIC|FP8|KMP|PMI|OMPI_COMM|MV2_COMM)_.*"
    r"|((LOCAL|GROUP|ROLE)_)?(RANK|WORLD_SIZE)|ROLE_NAME|MASTER_(ADDR|PORT)|FORK_LAUNCHED|PYTHONINSPECT"
)


def accelerate_yaml(world: World) -> str:
    """accelerate's configuration, every key that it would otherwise take from the user's own default file."""
    on_cards = world.device != "cpu" and world.processes > 1
    return yaml.safe_dump({
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": "MULTI_GPU" if on_cards else "NO",
        "downcast_bf16": "no",
        "dynamo_config": {
            "dynamo_backend": "NO", "dynamo_mode": "default", "dynamo_use_dynamic": False,
            "dynamo_use_fullgraph": False, "dynamo_use_regional_compilation": False,
        },
        "enable_cpu_affinity": False,
        "gpu_ids": world.gpu_ids or "all",
        "machine_rank": world.machine_rank,
        "main_process_ip": world.main_ip,
        "main_process_port": world.port,
        "main_training_function": "main",
        "mixed_precision": world.mixed_precision,
        "num_machines": world.machines,
        "num_processes": world.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "tpu_env": [],
        "tpu_use_cluster": False,
        "tpu_use_sudo": False,
        "use_cpu": world.device == "cpu",
    }, sort_keys=False)  # fmt: skip


def training_command(world: World, accelerate_file: Path, job: list[str]) -> list[str]:
    """The argument list that starts `job` (module and its arguments) in every process of `world`."""
    if world.device == "cpu" and world.processes > 1:
        # accelerate itself would quietly start one process here.
        return [
            sys.executable, "-m", "torch.distributed.run", "--nnodes", str(world.machines),
            "--node_rank", str(world.machine_rank), "--nproc_per_node", str(world.processes_here),
            "--master_addr", world.main_ip, "--master_port", str(world.port), "-m", *job,
        ]  # fmt: skip
    return [
        sys.executable, "-m", "accelerate.commands.launch", "--quiet", "--config_file", str(accelerate_file),
        "--num_cpu_threads_per_process", str(world.threads), "-m", *job,
    ]  # fmt: skip


def child_environment(world: World) -> dict[str, str]:
    """The environment of the job: ours without what would change it, offline, UTF-8, with the right thread count."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
    inherited = [path for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    ours = {
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",  # the run folder is where the job works, not where modules come from
        "PYTHONPATH": os.pathsep.join([str(PACKAGE_PARENT), *inherited]),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(world.threads),
        "MKL_NUM_THREADS": str(world.threads),
    }
    if sys.platform == "linux" and world.device == "cpu":
        # Large tensors keep their memory between steps; the system would hand it out anew, page by page, each time.
        ours |= {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
    if sys.platform == "win32":
        ours["USE_LIBUV"] = "0"  # PyTorch's Windows wheels are built without it
    return {**kept, **ours, **(_accelerate_variables(world) if world.device == "cpu" else {})}


def _accelerate_variables(world: World) -> dict[str, str]:
    """Variables that accelerate's launcher would set; needed where torch's launcher starts the processes instead."""
    return {
        "ACCELERATE_USE_CPU": "true",
        "ACCELERATE_MIXED_PRECISION": world.mixed_precision,
        "ACCELERATE_DYNAMO_BACKEND": "NO",
    }
