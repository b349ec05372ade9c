"""Every setting of the training job, declared once. Names are sd-scripts' where one exists."""

from __future__ import annotations

from typing import Literal

from train_core.config.job import Job
from train_core.config.setting import Section, setting, when, when_set

Precision = Literal["no", "fp16", "bf16"]
SavePrecision = Literal["float", "fp16", "bf16"]
TokenLength = Literal[75, 150, 225]
LoraType = Literal["Standard"]
Schedule = Literal["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]
Sampler = Literal[
    "ddim", "pndm", "lms", "euler", "euler_a", "heun", "dpm_2", "dpm_2_a", "dpmsolver", "dpmsolver++", "dpmsingle",
    "k_lms", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a",
]

OPTIMIZERS = (
    "AdamW", "AdamW8bit", "Lion", "Lion8bit", "Adafactor", "SGDNesterov", "DAdaptation", "DAdaptAdam",
    "DAdaptAdaGrad", "DAdaptSGD", "DAdaptLion", "DAdaptAdan",
)


class ModelSettings(Section, title="Source model"):
    pretrained_model_name_or_path: str = setting(
        "",
        "The model to train on: a .safetensors or .ckpt file, or a diffusers folder. The kind is recognised from "
        "the file.", label="Base model", path="file", required=True,
    )
    vae: str = setting(
        "", "Another VAE to use instead of the model's own; empty keeps it.", label="VAE", path="file", advanced=True,
    )
    clip_skip: int = setting(
        1, "Which text encoder layer is used, counted from the last. 2 suits most anime models.", label="Clip skip",
        ge=1, le=12,
    )
    max_token_length: TokenLength = setting(
        75, "How many tokens of a caption are read; longer captions are cut.", label="Max token length", unit="tokens",
        advanced=True,
    )


class DatasetSettings(Section, title="Folders and images"):
    train_data_dir: str = setting(
        "", "The folder that holds your image folders. Each is named <repeats>_<name>, for example 10_zuko dog.",
        label="Image folder", path="folder", required=True,
    )
    resolution: str = setting(
        "512,512", "Training size as width,height or one number; with buckets on, its area.", label="Resolution",
        unit="px", pattern=r"^\s*\d+\s*(,\s*\d+\s*)?$",
    )
    caption_extension: str = setting(
        ".txt", "Ending of the caption files beside the images.", label="Caption extension", pattern=r"^\.?\w+$",
    )
    shuffle_caption: bool = setting(
        False, "Shuffle the comma-separated tags each time an image is drawn.", label="Shuffle caption",
    )
    keep_tokens: int = setting(
        0, "How many tags at the front stay in place when shuffling.", label="Keep tokens", ge=0, le=255,
    )
    caption_separator: str = setting(
        ",", "What separates tags.", label="Caption separator", min_length=1, advanced=True,
    )
    caption_dropout_rate: float = setting(
        0.0, "Share of draws with an empty caption.", label="Caption dropout rate", ge=0, le=1, advanced=True,
    )
    caption_dropout_every_n_epochs: int = setting(
        0, "Every n-th epoch uses no captions at all; 0 is off.", label="Caption dropout every n epochs", unit="epochs",
        ge=0, advanced=True,
    )
    flip_aug: bool = setting(
        False, "Mirror half of the draws. Not for faces with a side parting, text or logos.", label="Flip augmentation",
    )
    enable_bucket: bool = setting(
        True, "Keep each image's aspect ratio by sorting images into buckets of similar shape.", label="Enable buckets",
    )
    bucket_no_upscale: bool = setting(
        True, "Never enlarge small images.", label="Don't upscale in buckets", applies_to=when("enable_bucket", True),
    )
    min_bucket_reso: int = setting(
        256, "Smallest bucket side.", label="Minimum bucket side", unit="px", ge=8, le=8192,
        applies_to=when("enable_bucket", True), advanced=True,
    )
    max_bucket_reso: int = setting(
        2048, "Largest bucket side.", label="Maximum bucket side", unit="px", ge=8, le=8192,
        applies_to=when("enable_bucket", True), advanced=True,
    )
    bucket_reso_steps: int = setting(
        64, "Bucket sides are multiples of this; at least 8.", label="Bucket step", unit="px", ge=8, le=512,
        multiple_of=8, applies_to=when("enable_bucket", True), advanced=True,
    )
    cache_latents: bool = setting(
        True, "Encode each image once, before training. Faster, and frees the VAE.", label="Cache latents",
    )
    cache_latents_to_disk: bool = setting(
        False, "Keep the encoded images on disk for later runs.", label="Cache latents to disk",
        applies_to=when("cache_latents", True),
    )
    vae_batch_size: int = setting(
        1, "Images per VAE call while caching.", label="VAE batch size", ge=1, le=64, advanced=True,
    )
    max_data_loader_n_workers: int = setting(
        0, "Extra processes that load images. 0 is best when latents are cached.", label="Data loader workers", ge=0,
        le=64, advanced=True,
    )


class NetworkSettings(Section, title="Network"):
    LoRA_type: LoraType = setting("Standard", "The adapter's algorithm.", label="LoRA type")
    network_dim: int = setting(
        32, "Rank of the adapter: its capacity, and its file size.", label="Network rank (dimension)", ge=1, le=1024,
    )
    network_alpha: float = setting(
        16.0, "Strength is alpha / rank; equal to the rank means 1.", label="Network alpha", gt=0, le=4096,
    )
    conv_dim: int | None = setting(
        None, "Rank for 3x3 convolutions; empty trains none.", label="Convolution rank", ge=1, le=1024,
        applies_to=when("network_train_text_encoder_only", False),
    )
    conv_alpha: float = setting(
        1.0, "Alpha of the 3x3 convolutions.", label="Convolution alpha", gt=0, le=4096,
        applies_to=when_set("conv_dim"),
    )
    network_dropout: float = setting(
        0.0, "Dropout on the rank activations.", label="Network dropout", ge=0, lt=1, advanced=True,
    )
    rank_dropout: float = setting(
        0.0, "Chance that a rank is left out, per sample.", label="Rank dropout", ge=0, lt=1, advanced=True,
    )
    module_dropout: float = setting(
        0.0, "Chance that a whole module is left out of a step.", label="Module dropout", ge=0, lt=1, advanced=True,
    )
    network_train_unet_only: bool = setting(
        False, "Train the U-Net only, not the text encoder.", label="Train U-Net only",
    )
    network_train_text_encoder_only: bool = setting(
        False, "Train the text encoder only, not the U-Net.", label="Train text encoder only", advanced=True,
    )


class TrainingSettings(Section, title="Parameters"):
    max_train_epochs: int = setting(
        10, "How often every image is seen, times its repeats. 0 counts steps instead.", label="Epochs", unit="epochs",
        ge=0,
    )
    max_train_steps: int = setting(
        0, "Optimizer steps; the run ends here if that is sooner than the epochs. 0 counts epochs.",
        label="Max train steps", unit="steps", ge=0,
    )
    train_batch_size: int = setting(1, "Images per step and device.", label="Train batch size", ge=1, le=1024)
    gradient_accumulation_steps: int = setting(
        1, "Batches gathered into one optimizer step.", label="Gradient accumulation steps", ge=1, le=1024,
    )
    gradient_checkpointing: bool = setting(
        False, "Less memory for about a third more time.", label="Gradient checkpointing",
    )
    mixed_precision: Precision = setting(
        "bf16", "Number format of the calculation: bf16 for RTX 30 and newer and for CPU, fp16 for older cards.",
        label="Mixed precision",
    )
    seed: int = setting(
        0, "Every random draw follows from it: the same seed gives the same run.", label="Seed", ge=0, le=2**63 - 1,
    )
    noise_offset: float = setting(
        0.0, "Lets the model learn darker and brighter pictures; 0.05 is usual.", label="Noise offset", ge=0, le=1,
        advanced=True,
    )
    min_snr_gamma: float = setting(
        0.0, "Weights noise levels evenly (Hang et al., 2023); 5 is usual, 0 is off.", label="Min-SNR gamma", ge=0,
        le=100, advanced=True,
    )


class OptimizerSettings(Section, title="Optimizer"):
    optimizer_type: str = setting(
        "AdamW8bit", "The optimizer, or the dotted path of any class that torch can use as one.", label="Optimizer",
        suggestions=OPTIMIZERS, min_length=1,
    )
    optimizer_args: list[str] = setting(
        [], "Extra arguments as key=value, one a line.", label="Optimizer arguments", lines=2, advanced=True,
    )
    learning_rate: float = setting(
        1e-4, "Learning rate of whatever has none of its own. D-Adaptation wants 1.", label="Learning rate", ge=0,
        le=100,
    )
    unet_lr: float | None = setting(
        None, "Learning rate of the U-Net; empty uses the learning rate.", label="U-Net learning rate", ge=0, le=100,
        applies_to=when("network_train_text_encoder_only", False),
    )
    text_encoder_lr: float | None = setting(
        None, "Learning rate of the text encoder; half of the U-Net's is usual.", label="Text encoder learning rate",
        ge=0, le=100, applies_to=when("network_train_unet_only", False),
    )
    lr_scheduler: Schedule = setting("cosine", "How the learning rate moves over the run.", label="Schedule")
    lr_warmup_steps: str = setting(
        "0", "Steps until the full learning rate: a number, or a share such as 10%.", label="Warm-up",
        pattern=r"^\s*(\d+|0?\.\d+|\d+(\.\d+)?\s*%)\s*$",
        applies_to=when(
            "lr_scheduler", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"
        ),
    )
    lr_scheduler_num_cycles: int = setting(
        1, "How often the schedule restarts.", label="Restarts", ge=1, le=1000,
        applies_to=when("lr_scheduler", "cosine_with_restarts"),
    )
    lr_scheduler_power: float = setting(
        1.0, "Power of the polynomial.", label="Polynomial power", ge=0, le=100,
        applies_to=when("lr_scheduler", "polynomial"),
    )
    max_grad_norm: float = setting(
        1.0, "Gradients longer than this are shortened; 0 is off.", label="Max gradient norm", ge=0, advanced=True,
    )


class SampleSettings(Section, title="Samples"):
    sample_prompts: str = setting(
        "",
        "One prompt a line, with --n negative, --w --h size, --d seed, --s steps, --l scale, --ss sampler; or the "
        "path of a .txt file.", label="Sample prompts", lines=4, path="prompts",
    )
    sample_every_n_epochs: int = setting(
        1, "Draw sample pictures every n epochs; 0 is off.", label="Sample every n epochs", unit="epochs", ge=0,
        applies_to=when_set("sample_prompts"),
    )
    sample_every_n_steps: int = setting(
        0, "Draw sample pictures every n steps; 0 is off.", label="Sample every n steps", unit="steps", ge=0,
        applies_to=when_set("sample_prompts"),
    )
    sample_at_first: bool = setting(
        False, "Draw samples before the first step, to compare.", label="Sample before training",
        applies_to=when_set("sample_prompts"),
    )
    sample_sampler: Sampler = setting(
        "euler_a", "Sampler of prompts that name none.", label="Sampler", applies_to=when_set("sample_prompts"),
    )


class OutputSettings(Section, title="Saving"):
    output_dir: str = setting(
        "", "Where results, samples and a copy of the settings are written.", label="Output folder", path="output",
        required=True,
    )
    output_name: str = setting(
        "lora", "Name of the result, without an ending.", label="Output name", min_length=1,
        pattern=r'^[^\\/:*?"<>|]+$',
    )
    save_precision: SavePrecision = setting("fp16", "Number format of the saved file.", label="Save precision")
    save_every_n_epochs: int = setting(
        0, "Also save every n epochs; 0 saves at the end only.", label="Save every n epochs", unit="epochs", ge=0,
    )
    save_every_n_steps: int = setting(
        0, "Also save every n steps; 0 is off.", label="Save every n steps", unit="steps", ge=0, advanced=True,
    )
    no_metadata: bool = setting(
        False, "Write only what other software needs to load the file.", label="No metadata", advanced=True,
    )
    training_comment: str = setting("", "Free text kept in the file.", label="Training comment", advanced=True)
    metadata_title: str = setting(
        "", "Title kept in the file; empty uses the output name.", label="Title", advanced=True,
    )
    metadata_author: str = setting("", "Author kept in the file.", label="Author", advanced=True)
    metadata_description: str = setting("", "Description kept in the file.", label="Description", advanced=True)
    metadata_license: str = setting("", "Licence kept in the file.", label="Licence", advanced=True)
    metadata_tags: str = setting("", "Tags kept in the file.", label="Tags", advanced=True)


class LaunchSettings(Section, title="Devices"):
    use_cpu: bool = setting(
        False, "Train on the processor even where a graphics card is found.", label="Use CPU", advanced=True,
    )
    num_processes: int = setting(
        1, "How many devices train together.", label="Number of processes", ge=1, le=64, advanced=True,
    )
    gpu_ids: str = setting(
        "", "Which cards to use, for example 0,1; empty uses the first ones.", label="GPU ids",
        pattern=r"^(\d+(\s*,\s*\d+)*)?$", advanced=True,
    )
    main_process_port: int = setting(
        0, "Port by which several processes talk; 0 finds a free one.", label="Main process port", ge=0, le=65535,
        advanced=True,
    )
    num_cpu_threads_per_process: int = setting(
        0, "Processor threads of each process; 0 shares out all cores.", label="CPU threads per process", ge=0, le=1024,
        advanced=True,
    )


class TrainConfig(Job, name="train"):
    """The training job's settings, section by section."""

    model: ModelSettings = ModelSettings()
    dataset: DatasetSettings = DatasetSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    samples: SampleSettings = SampleSettings()
    output: OutputSettings = OutputSettings()
    launch: LaunchSettings = LaunchSettings()
