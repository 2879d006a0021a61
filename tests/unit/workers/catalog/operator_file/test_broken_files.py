"""A broken catalogue file: each fault is one sentence with file, line and remedy."""

from pathlib import Path

import pytest

from workers.catalog.operator_file import CatalogueFileError, read_catalogue
from workers.catalog.operator_file.reading import MAX_FILE_BYTES

STUDIO = '[models."flux.1-studio"]\nbase = "flux.1-dev"\n'
SCHNELL = '[models."flux.1-schnell"]\n'
SHELVES = "[models.florence-2-base]\n"
OF_SHELVES = "models.florence-2-base.calibration"
OF_STUDIO = 'models."flux.1-studio"'
OF_SCHNELL = 'models."flux.1-schnell"'

BROKEN = {
    "no TOML": (SCHNELL + "price = \n", "line 2: is not TOML: Invalid value"),
    "a table twice": (SCHNELL + SCHNELL, "line 2: is not TOML: Cannot declare"),
    "a misspelt section": (
        "# ours\n[model.x]\n",
        "line 2: model: there is no such key; did you mean models?",
    ),
    "models that are no tables": (
        'models = ["flux.1-dev"]\n',
        'line 1: models: must be tables of models, such as [models."flux.1-schnell"]',
    ),
    "a model that is no table": (
        '[models]\n"flux.1-dev" = 3\n',
        'line 2: models."flux.1-dev": must be a table, such as { … }, not 3',
    ),
    "dots without quotes": (
        "[models.flux.1-schnell]\nmax_batch = 1\n",
        (
            "line 1: models.flux.1-schnell: there is no such table; a name with dots needs quotes: "
            '[models."flux.1-schnell"]'
        ),
    ),
    "a misspelt key": (
        SCHNELL + "\n# cheaper\nprise = { per_image = 0.004 }\n",
        f"line 4: {OF_SCHNELL}.prise: there is no such key; did you mean price?",
    ),
    "a misspelt key inside": (
        STUDIO + 'weights = { repos = "a/b" }\n',
        f"line 3: {OF_STUDIO}.weights.repos: there is no such key; did you mean repo?",
    ),
    "an unknown key": (
        SCHNELL + "price.xyz = 1\n",
        (
            f"line 2: {OF_SCHNELL}.price.xyz: there is no such key; the keys here are per_image, "
            "per_analysis, per_megapixel"
        ),
    ),
    "text for a number": (
        SCHNELL + 'max_batch = "two"\n',
        f'line 2: {OF_SCHNELL}.max_batch: must be a whole number, not "two"',
    ),
    "a fraction": (
        SCHNELL + "max_batch = 1.5\n",
        f"line 2: {OF_SCHNELL}.max_batch: must be a whole number, not 1.5",
    ),
    "a number for a switch": (
        SCHNELL + "enabled = 0\n",
        f"line 2: {OF_SCHNELL}.enabled: must be true or false, not 0",
    ),
    "a number that is none": (
        SCHNELL + "deadline_seconds = nan\n",
        f"line 2: {OF_SCHNELL}.deadline_seconds: must be a number, not nan",
    ),
    "a longest deadline below the usual one": (
        SCHNELL + "longest_deadline_seconds = 60\n",
        f"line 2: {OF_SCHNELL}.longest_deadline_seconds: 60 is less than deadline_seconds, 120",
    ),
    "a batch of none": (
        SCHNELL + "max_batch = 0\n",
        f"line 2: {OF_SCHNELL}.max_batch: must be at least 1, not 0",
    ),
    "a precision that is none": (
        SCHNELL + 'precision = "nf5"\n',
        (
            f"line 2: {OF_SCHNELL}.precision: must be one of 'auto', 'stored', 'bf16', 'fp16', "
            "'fp8', 'int8' or 'nf4', not \"nf5\""
        ),
    ),
    "a price below a millionth": (
        SCHNELL + "price = { per_image = 0.00000012 }\n",
        f"line 2: {OF_SCHNELL}.price.per_image: must have at most six decimals",
    ),
    "a price below nothing": (
        SCHNELL + "price = { per_image = -1 }\n",
        f"line 2: {OF_SCHNELL}.price.per_image: must be from 0 to 1000 US dollars",
    ),
    "a price in text": (
        SCHNELL + 'price = { per_image = "$1" }\n',
        f"line 2: {OF_SCHNELL}.price.per_image: must be a number of US dollars, such as 0.004",
    ),
    "a price of no rule": (
        SCHNELL + "price = {}\n",
        f"line 2: {OF_SCHNELL}.price: give one of per_image, per_megapixel",
    ),
    "a price of two rules": (
        SCHNELL + "price = { per_image = 1, per_megapixel = 1 }\n",
        f"line 2: {OF_SCHNELL}.price: give one of per_image, per_megapixel",
    ),
    "half a price": (
        SCHNELL + "price.per_megapixel = { first = 1 }\n",
        f"line 2: {OF_SCHNELL}.price.per_megapixel.more: is missing",
    ),
    "a price of other units": (
        "[models.florence-2-base]\nprice = { per_image = 1 }\n",
        "line 2: models.florence-2-base.price.per_image: florence-2-base is priced by per_analysis",
    ),
    "pixels of a picture that only its vendor knows": (
        '[models."flux.1-pro"]\nprice = { per_megapixel = 1 }\n',
        'line 2: models."flux.1-pro".price.per_megapixel: flux.1-pro is priced by per_image',
    ),
    "a model without a base": (
        '[models."flux.1-schnel"]\nmax_batch = 1\n',
        (
            'line 1: models."flux.1-schnel": there is no built-in model "flux.1-schnel"; did you '
            "mean flux.1-schnell; a model of your own needs base"
        ),
    ),
    "a base that is none": (
        '[models.ours]\nbase = "flux.1-dv"\n',
        'line 2: models.ours.base: there is no built-in model "flux.1-dv"; did you mean flux.1-',
    ),
    "a base of a built-in model": (
        SCHNELL + 'base = "flux.1-dev"\n',
        f"line 2: {OF_SCHNELL}.base: flux.1-schnell is built in: leave base out, or choose another",
    ),
    "a base at its vendor": (
        '[models.ours]\nbase = "flux.2-pro"\n',
        "line 2: models.ours.base: flux.2-pro runs at its vendor: base must be a model that",
    ),
    "weights of a hosted model": (
        '[models."flux.2-pro"]\nweights = { folder = "/w" }\n',
        'line 2: models."flux.2-pro".weights: flux.2-pro runs at its vendor: leave this out',
    ),
    "a vendor's price of an own model": (
        SCHNELL + "vendor_price = { per_image = 1 }\n",
        f"line 2: {OF_SCHNELL}.vendor_price: flux.1-schnell runs on own devices: leave this out",
    ),
    "weights from nowhere": (
        STUDIO + 'weights = { revision = "abc" }\n',
        f"line 3: {OF_STUDIO}.weights: give folder, or file, or repo, or repo and a file in it",
    ),
    "weights from two places": (
        STUDIO + 'weights = { repo = "a/b", folder = "/w" }\n',
        f"line 3: {OF_STUDIO}.weights: give folder, or file, or repo, or repo and a file in it",
    ),
    "a repository that is none": (
        STUDIO + 'weights = { repo = "https://example.org/a/b" }\n',
        f"line 3: {OF_STUDIO}.weights.repo: must be a hub repository such as owner/name",
    ),
    "a single file of a built-in model": (
        SCHNELL + 'weights = { file = "x.gguf" }\n',
        f"line 2: {OF_SCHNELL}.weights.file: flux.1-schnell itself has the other components",
    ),
    "a pickle": (
        STUDIO + 'weights = { file = "model.ckpt" }\n',
        f"line 3: {OF_STUDIO}.weights.file: must end with .safetensors or .gguf",
    ),
    "a file above its repository": (
        STUDIO + 'weights = { repo = "a/b", file = "../x.gguf" }\n',
        f"line 3: {OF_STUDIO}.weights.file: must be the name of a file in a/b",
    ),
    "a GGUF file of Florence-2": (
        '[models.florence-ours]\nbase = "florence-2-base"\nweights = { file = "x.gguf" }\n',
        "models.florence-ours.weights.file: florence-2-base has no single files: give folder",
    ),
    "a GGUF file quantised again": (
        STUDIO + 'weights = { file = "x.gguf" }\nprecision = "nf4"\n',
        f"line 4: {OF_STUDIO}.precision: a GGUF file is quantised already: leave precision out",
    ),
    "a LoRA on Florence-2": (
        '[models.florence-2-base]\nloras = [{ file = "x.safetensors" }]\n',
        "line 2: models.florence-2-base.loras[1]: florence-2-base takes no LoRAs: leave them out",
    ),
    "a LoRA too strong": (
        STUDIO + 'loras = [\n  { file = "a.safetensors" },\n'
        '  { file = "b.safetensors", scale = 3 },\n]\n',
        f"line 5: {OF_STUDIO}.loras[2].scale: must be from -2 to 2, not 3",
    ),
    "a LoRA that is no safetensors file": (
        (
            f'{STUDIO}[[{OF_STUDIO}.loras]]\nfile = "a.safetensors"\n\n'
            f'[[{OF_STUDIO}.loras]]\nfile = "a.pt"\n'
        ),
        f'line 7: {OF_STUDIO}.loras[2].file: must end with .safetensors, unlike "a.pt"',
    ),
    "Florence-2 in four bits": (
        '[models.florence-2-base]\nprecision = "nf4"\n',
        "line 2: models.florence-2-base.precision: florence-2-base is served as auto, bf16, fp16",
    ),
    "steps beyond the limit": (
        STUDIO + "defaults = { steps = 30 }\nlimits = { max_steps = 20 }\n",
        f"line 3: {OF_STUDIO}.defaults.steps: 30 are more than max_steps, 20: give fewer",
    ),
    "a limit below the usual steps": (
        STUDIO + "\nlimits = { max_steps = 20 }\n",
        "defaults.steps: 28 are more than max_steps, 20: give fewer",
    ),
    "steps beyond sense": (
        STUDIO + "limits.max_steps = 1000\n",
        f"line 3: {OF_STUDIO}.limits.max_steps: must be at most 100, not 1000",
    ),
    "a default size beyond the limit": (
        STUDIO + "limits.max_pixels = 262144\n",
        "1024 x 1024 is more than max_pixels, 262144: give a smaller side",
    ),
    "a size that is no multiple": (
        STUDIO + "defaults.side = 1000\n",
        f"line 3: {OF_STUDIO}.defaults.side: must be a multiple of 16",
    ),
    "guidance of a distilled model": (
        SCHNELL + "defaults.guidance = 3.5\n",
        f"line 2: {OF_SCHNELL}.defaults.guidance: flux.1-schnell is distilled and takes no",
    ),
    "guidance outside its range": (
        STUDIO + "defaults.guidance = 11\n",
        f"line 3: {OF_STUDIO}.defaults.guidance: must be from 1 to 10, not 11",
    ),
    "a parameter of another family": (
        "[models.florence-2-base]\ndefaults = { steps = 4 }\n",
        "line 2: models.florence-2-base.defaults.steps: florence-2-base has no such parameter",
    ),
    "more tokens than the decoder has": (
        "[models.florence-2-demo]\nlimits.max_new_tokens = 2000\n",
        "line 2: models.florence-2-demo.limits.max_new_tokens: the decoder has 319 positions",
    ),
    "a misspelt task": (
        SHELVES + "calibration.object_detecton = { bias = 1 }\n",
        f"line 2: {OF_SHELVES}.object_detecton: there is no such key; did you mean object_dete",
    ),
    "a task that answers in words": (
        SHELVES + "calibration.caption = { bias = 1 }\n",
        f"line 2: {OF_SHELVES}.caption: there is no such key; the keys here are object_detection",
    ),
    "a misspelt coefficient": (
        SHELVES + "calibration.ocr_with_region = { bias = 1, plaice = 2 }\n",
        f"line 2: {OF_SHELVES}.ocr_with_region.plaice: there is no such key; did you mean place?",
    ),
    "a calibration without its bias": (
        SHELVES + "calibration.object_detection = { label = 1 }\n",
        f"line 2: {OF_SHELVES}.object_detection.bias: is missing",
    ),
    "text for a coefficient": (
        SHELVES + 'calibration.object_detection = { bias = "1" }\n',
        f'line 2: {OF_SHELVES}.object_detection.bias: must be a number, not "1"',
    ),
    "a coefficient beyond all odds": (
        SHELVES + "calibration.object_detection = { bias = -5000.0 }\n",
        f"line 2: {OF_SHELVES}.object_detection.bias: must be at least -1000, not -5000.0",
    ),
    "a calibration of a model that paints": (
        SCHNELL + "calibration.object_detection = { bias = 1 }\n",
        f"line 2: {OF_SCHNELL}.calibration: flux.1-schnell answers without scores: leave this out",
    ),
    "a calibration of a hosted model": (
        '[models."flux.2-pro"]\ncalibration.object_detection = { bias = 1 }\n',
        'line 2: models."flux.2-pro".calibration: flux.2-pro runs at its vendor: leave this out',
    ),
    "a pinned model that is unloaded": (
        SCHNELL + "pinned = true\nidle_seconds = 60\n",
        f"line 3: {OF_SCHNELL}.idle_seconds: a pinned model is never unloaded",
    ),
    "an id that no URL has": (
        '[models."our/model"]\nbase = "flux.1-dev"\n',
        'line 1: models."our/model": must have letters, digits, dots, hyphens and underscores',
    ),
    "an id that means all models": (
        '[models.all]\nbase = "flux.1-dev"\n',
        'line 1: models.all: "all" means other things where models are listed',
    ),
    "an id of another's variable": (
        '[models."flux.1_dev"]\nbase = "flux.1-dev"\n',
        'line 1: models."flux.1_dev": is too much like flux.1-dev: BOTTEGA_WEIGHTS_FLUX_1_DEV',
    ),
    "an id without its family": (
        '[models.studio]\nbase = "flux.1-dev"\n',
        "line 1: models.studio: must begin with 'flux.', as flux.1-dev does: rules of content",
    ),
    "an id of the other family": (
        '[models."flux.seer"]\nbase = "florence-2-base"\n',
        "must begin with 'florence-', as florence-2-base does",
    ),
    "an alias that is an id": (
        STUDIO + 'aliases = ["studio", "flux.1-dev"]\n',
        f'line 3: {OF_STUDIO}.aliases[2]: "flux.1-dev" names flux.1-dev already',
    ),
    "an alias of two models": (
        f'{STUDIO}aliases = ["ours"]\n{SCHNELL}aliases = [\n  "ours",\n]\n',
        f'line 6: {OF_SCHNELL}.aliases[1]: "ours" names flux.1-studio already',
    ),
    "an alias with a space": (
        STUDIO + 'aliases = ["our model"]\n',
        f"line 3: {OF_STUDIO}.aliases[1]: must have letters, digits",
    ),
    "an alias of empty parts": (
        STUDIO + 'aliases = ["owner//name"]\n',
        f"line 3: {OF_STUDIO}.aliases[1]: must have letters, digits",
    ),
    "an alias that climbs": (
        STUDIO + 'aliases = ["owner/../name"]\n',
        f"line 3: {OF_STUDIO}.aliases[1]: must have letters, digits",
    ),
    "an alias of many parts": (
        STUDIO + 'aliases = ["a/b/c/d/e/f"]\n',
        f"line 3: {OF_STUDIO}.aliases[1]: must have letters, digits",
    ),
    "an alias without end": (
        STUDIO + f'aliases = ["{"a" * 101}"]\n',
        f"line 3: {OF_STUDIO}.aliases[1]: must have letters, digits",
    ),
    "an id that is an owner's name": (
        '[models."owner/flux.1"]\nbase = "flux.1-dev"\n',
        "must have letters, digits, dots, hyphens and underscores alone",
    ),
    "a title of two lines": (
        STUDIO + 'title = "one\\ntwo"\n',
        f"line 3: {OF_STUDIO}.title: must be one line",
    ),
    "a licence that is no link": (
        STUDIO + 'licence.url = "javascript:alert(1)"\n',
        f"line 3: {OF_STUDIO}.licence.url: must be a URL that begins with https://",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_a_sentence(case: str, tmp_path: Path) -> None:
    text, sentence = BROKEN[case]
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(CatalogueFileError) as caught:
        read_catalogue(file)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_all_faults_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[models.ours]\nbase = "x"\n[models."flux.1-dev"]\nmax_batch = 0\nfoo = 1\n')
    with pytest.raises(CatalogueFileError) as caught:
        read_catalogue(file)
    lines = [fault.line for fault in caught.value.faults]
    assert lines == [2, 4, 5]
    assert "(and 2 more: `bottega catalog check` prints all)" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFileError, match=r"No such file .*BOTTEGA_CATALOG must name"):
        read_catalogue(tmp_path / "models.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFileError, match="Is a directory"):
        read_catalogue(tmp_path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_bytes(b"# x\n\xff")
    with pytest.raises(CatalogueFileError, match=r"line 2: is not UTF-8 text"):
        read_catalogue(file)


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 5000, "x = " + "9" * 5000, "d = 2026-02-31", "x = 1e999999999999999999"]
)
def test_values_that_cannot_be_parsed_are_faults_of_the_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(CatalogueFileError):
        read_catalogue(file)


def test_a_file_of_megabytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(CatalogueFileError, match="longer than 1 MiB"):
        read_catalogue(file)
