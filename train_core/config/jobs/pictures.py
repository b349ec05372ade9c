"""The settings of the tools for pictures: measuring, tagging, captioning, exporting and preprocessing them."""

from __future__ import annotations

from typing import Any, Literal

from train_core.config.conditions import all_of, when, when_set
from train_core.config.job import Tool
from train_core.config.setting import Section, setting


def _pictures() -> Any:
    return setting(
        "", "A folder of pictures, with everything below it.", label="Pictures", path="folder", required=True,
    )


Existing = Literal["keep", "append", "prepend", "replace"]


def _existing(**declared: Any) -> Any:
    return setting(
        "keep", "For pictures that have a caption: keep leaves it as it is, append and prepend add what is missing, "
        "replace overwrites it. Everything can be undone on the Data tab, and each caption's first state is kept.",
        label="Existing captions", **declared,
    )  # fmt: skip


def _trigger(**declared: Any) -> Any:
    return setting(
        "", "Put in front of every caption that is written; several with commas.", label="Trigger word", **declared,
    )


def _tagger(**declared: Any) -> Any:
    return setting(
        "", "The folder of a WD tagger: model.onnx and selected_tags.csv, such as those of "
        "SmilingWolf/wd-vit-tagger-v3 on Hugging Face; or one with DeepDanbooru's model-resnet_custom_v3.pt. Nothing "
        "is downloaded by itself. demo/tagger in the program's folder, which the field offers, is there to try this "
        "out: it knows the demo's pictures, but not yours.", label="Tagger", path="folder", **declared,
    )


def _brackets() -> Any:
    return setting(
        False, "Write \\( and \\) for brackets, as prompts do. Needed if the training reads weights in captions.",
        label="Escape brackets",
    )  # fmt: skip


class MeasurePicturesSettings(Section, title="Measure pictures"):
    pictures: str = _pictures()


class MeasurePictures(Tool, name="measure_pictures"):
    """How sharp and how bright pictures are, and which of them are near-duplicates. Nothing is written beside them."""

    measure_pictures: MeasurePicturesSettings = MeasurePicturesSettings()


class FindFacesSettings(Section, title="Look for faces and text"):
    pictures: str = _pictures()
    look_for_faces: bool = setting(
        True, "How many faces a picture has, and where. The models that come with Crucible know photographs; drawn "
        "faces are often missed.", label="Faces",
    )
    look_for_people: bool = setting(
        True, "Where people are, all of them together, by their outline. For photographs, too.", label="People",
    )
    look_for_text: bool = setting(
        True, "Where text is: signatures, watermarks, speech. It is not read.", label="Text",
    )


class FindFaces(Tool, name="find_faces"):
    """Where on pictures faces, people and text are, for the Data tab. Nothing is written beside them."""

    find_faces: FindFacesSettings = FindFacesSettings()


class TagPicturesSettings(Section, title="Tag pictures"):
    pictures: str = _pictures()
    tagger: str = _tagger(required=True)
    existing_captions: Existing = _existing()
    tag_trigger: str = _trigger()
    tagger_mcut: bool = setting(
        False, "Find the thresholds for each picture by itself, at the largest gap between its scores (MCut).",
        label="Thresholds by MCut",
    )
    general_threshold: float | None = setting(
        None, "Tags with at least this score are taken; a higher one takes fewer, but surer ones. Empty means 0.35, "
        "and 0.5 for DeepDanbooru.",
        label="Threshold of general tags", ge=0.05, le=1, applies_to=when("tagger_mcut", False),
    )
    character_tags: bool = setting(
        True, "Also take the names of characters that the tagger knows.", label="Character tags",
    )
    character_threshold: float = setting(
        0.85, "The same for names of characters.", label="Threshold of character tags", ge=0.05, le=1,
        applies_to=all_of(when("tagger_mcut", False), when("character_tags", True)),
    )
    rating_tag: bool = setting(
        False, "Also take the rating that fits best, such as general or sensitive, as the last tag.",
        label="Rating tag",
    )
    excluded_tags: str = setting(
        "", "Tags that are never taken, separated by commas.", label="Tags to leave out", lines=2,
    )
    tag_spaces: bool = setting(
        True, "Write long_hair as long hair; faces such as ^_^ stay as they are.", label="Spaces for underscores",
    )
    escape_brackets: bool = _brackets()
    tagger_batch_size: int = setting(
        4, "Pictures that are calculated at once; does not change the tags.", label="Batch size", ge=1, le=64,
        advanced=True,
    )


class TagPictures(Tool, name="tag_pictures"):
    """Captions of tags by a WD tagger or DeepDanbooru. Pictures that are rejected on the Data tab are left out."""

    tag_pictures: TagPicturesSettings = TagPicturesSettings()


class CaptionPicturesSettings(Section, title="Caption pictures"):
    pictures: str = _pictures()
    captioner: str = setting(
        "", "The folder of a model that describes pictures in sentences, with config.json and model.safetensors: BLIP, "
        "GIT, Florence-2, or another that transformers knows, such as LLaVA or BLIP-2; Qwen-VL and SmolVLM need the "
        "package torchvision as well. Nothing is downloaded by itself, and no program code in the folder is run.",
        label="Captioner", path="folder",
    )
    caption_prompt: str = setting(
        "", "For BLIP and GIT the beginning of every caption, for Florence-2 its task, for chat models what they are "
        "asked. Empty: nothing, <DETAILED_CAPTION>, and a request for one or two sentences.", label="Prompt or task",
        suggestions=("<CAPTION>", "<DETAILED_CAPTION>", "<MORE_DETAILED_CAPTION>"),
    )
    existing_captions: Existing = _existing()
    tag_trigger: str = _trigger()
    sentence_suffix: str = setting(
        "", "Put behind every sentence that is written; several with commas.", label="Words behind it",
    )
    caption_beams: int = setting(
        1, "Beams of the search for the likeliest sentence; more take longer, and as much more memory.", label="Beams",
        ge=1, le=32,
    )
    caption_least_tokens: int | None = setting(
        None, "A caption has at least so many new tokens, of about four letters each; empty means 5.",
        label="Fewest tokens", unit="tokens", ge=0, le=1024, advanced=True,
    )
    caption_most_tokens: int | None = setting(
        None, "A caption ends after so many new tokens at the latest. Empty takes what suits the model: 75 for BLIP, "
        "50 for GIT, 75 to 300 for Florence-2 by its task, 200 for others.", label="Most tokens", unit="tokens", ge=1,
        le=1024,
    )
    escape_brackets: bool = _brackets()
    caption_batch_size: int = setting(
        1, "Pictures that are calculated at once; more need more memory.", label="Batch size", ge=1, le=64,
    )
    caption_precision: Literal["auto", "float", "bf16", "fp16"] = setting(
        "auto", "Number format of the calculations: auto is bf16 on cards that have it, else float (fp32).",
        label="Precision", advanced=True,
    )
    caption_on_cpu: bool = setting(
        False, "Calculate on the processor even if there is a graphics card.", label="On the processor", advanced=True,
    )


class CaptionPictures(
    Tool, name="caption_pictures", uses="device", checks="train_core.studio.captioning.model_folders:examine"
):
    """Captions in sentences by a model such as BLIP, GIT or Florence-2. Rejected pictures are left out."""

    caption_pictures: CaptionPicturesSettings = CaptionPicturesSettings()


class ExportDatasetSettings(Section, title="Export a dataset"):
    pictures: str = _pictures()
    export_folder: str = setting(
        "", "Where to: a new or empty folder, or one that was exported to before. Only what differs is written.",
        label="Export to", path="output", required=True,
    )
    export_name: str = setting(
        "", "The words in the folder's name, which are the trigger word where a picture has no caption.", label="Name",
        required=True,
    )
    export_repeats: int | None = setting(
        None, "How often each picture is shown in an epoch; empty takes what comes to some 200 in all.",
        label="Repeats", ge=1, le=10_000,
    )
    export_form: Literal["folders", "JSON", "JSONL", "imagefolder"] = setting(
        "folders", "Where captions are: folders beside the pictures; JSON and JSONL in a metadata file for sd-scripts; "
        "imagefolder in metadata.jsonl as Hugging Face's datasets read it.", label="Captions as",
    )
    export_zip: bool = setting(False, "Also make a zip file of it, in the same folder.", label="Zip file")
    export_whole: bool = setting(True, "Export the pictures themselves.", label="Whole pictures")
    export_boxes: bool = setting(
        False, "Export the boxes drawn under Crops, each name in its own folder.", label="Boxes",
    )
    export_held_out: int = setting(
        0, "Pictures that are not trained on, but validated on; near-duplicates stay together.",
        label="Held out for validation", ge=0, le=100_000,
    )
    export_seed: int = setting(
        0, "Another number holds out other pictures.", label="Seed of the choice", ge=0, le=2**31, advanced=True,
    )


class ExportDataset(Tool, name="export_dataset"):
    """The pictures that are kept on the Data tab, with their captions, as folders to train on."""

    export_dataset: ExportDatasetSettings = ExportDatasetSettings()


class PreprocessPicturesSettings(Section, title="Preprocess pictures"):
    pictures: str = _pictures()
    preprocessed_to: str = setting(
        "", "The folder for the new pictures: empty or new, or one that this tool has written before. The pictures "
        "themselves are never touched.", label="Save to", path="output", required=True,
    )
    target_width: int = setting(
        0, "0 follows from the height; if both are 0, the size stays.", label="Width", unit="px", ge=0, le=16384,
    )
    target_height: int = setting(
        0, "0 follows from the width; if both are 0, the size stays.", label="Height", unit="px", ge=0, le=16384,
    )
    fit_by: Literal["crop", "pad", "resize"] = setting(
        "crop", "crop fills width and height and cuts off the rest; pad shows everything and fills the rest with the "
        "background; resize only makes the picture as large as fits.", label="Fit by",
    )
    fit_around: Literal["face", "person", "middle"] = setting(
        "face", "What stays in the picture where something is cut off: faces, people, or the middle, which is also "
        "taken where nobody is found. The models that come with Crucible know photographs.", label="Cut around",
        applies_to=when("fit_by", "crop"),
    )
    sides_of_64: bool = setting(False, "Make both sides multiples of 64.", label="Multiples of 64")
    background_color: str = setting(
        "white", "Stands behind transparent parts, beside padded pictures and behind what is cut out: white, black, "
        "grey or a number such as #ffcc00.", label="Background", suggestions=("white", "black", "grey"),
    )
    cut_out_by: Literal["no", "person", "model", "box"] = setting(
        "no", "Put what the picture is of onto the background. person: people, by a model that comes with Crucible; "
        "model: a U2-Net or IS-Net of your own; box: what stands out where a person was found, by OpenCV's GrabCut.",
        label="Cut out",
    )
    cut_out_model: str = setting(
        "", "An ONNX file: u2net, u2netp or isnet. Empty takes one from ~/.u2net, where rembg keeps them.",
        label="Model for cut-outs", path="onnx", applies_to=when("cut_out_by", "model"),
    )
    blank_faces: bool = setting(
        False, "Fill faces with the colour around them, for regularisation pictures of clothes or poses.",
        label="Blank faces",
    )
    erase_text: Literal["no", "inpaint", "fill"] = setting(
        "no", "Paint over lines of text: inpaint continues what is around them, fill takes its mean colour.",
        label="Erase text",
    )
    mirrored_copies: bool = setting(
        False, "Also write a mirrored copy of each picture. In its caption left and right are swapped; what a mirror "
        "image shows wrongly, such as an eyepatch or text, is named.", label="Mirrored copies",
    )
    copy_captions: bool = setting(True, "Copy the captions as well.", label="Captions")
    tagger: str = _tagger()
    existing_captions: Existing = _existing(applies_to=when_set("tagger"))
    tag_trigger: str = _trigger(applies_to=when_set("tagger"))


class PreprocessPictures(Tool, name="preprocess_pictures"):
    """New pictures of one size, with what disturbs erased, cut out or mirrored. The originals are never touched."""

    preprocess_pictures: PreprocessPicturesSettings = PreprocessPicturesSettings()
