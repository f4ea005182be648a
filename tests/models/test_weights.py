"""Damaged weights and foreign adapters are refused before an engine reads them."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from metier.errors import ModelFileError
from metier.models.weights import check_adapter, check_weights


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "small-base"
    path.mkdir()
    (path / "config.json").write_text("{}")
    weights = {"model.layers.0.self_attn.q_proj.weight": np.zeros((6, 4), dtype=np.float16)}
    save_file(weights, path / "model.safetensors")
    return path


def adapter(tmp_path, base_name="small-base", inputs=4, outputs=6):
    path = tmp_path / "adapter"
    path.mkdir()
    settings = {"peft_type": "LORA", "base_model_name_or_path": base_name, "r": 2}
    (path / "adapter_config.json").write_text(json.dumps(settings))
    prefix = "base_model.model.model.layers.0.self_attn.q_proj"
    weights = {
        f"{prefix}.lora_A.weight": np.zeros((2, inputs), dtype=np.float32),
        f"{prefix}.lora_B.weight": np.zeros((outputs, 2), dtype=np.float32),
    }
    save_file(weights, path / "adapter_model.safetensors")
    return path


def test_whole_weights_pass(base):
    check_weights(base)


def test_every_cut_is_noticed(base):
    file = base / "model.safetensors"
    whole = file.read_bytes()
    for length in (0, 4, 20, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="fetch the model again"):
            check_weights(base)


def test_a_directory_without_weights_says_which_file_it_wants(base):
    (base / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"model\.safetensors"):
        check_weights(base)


def test_a_config_that_is_no_json_is_named(base):
    (base / "config.json").write_text("not json")
    with pytest.raises(ModelFileError, match=r"config\.json"):
        check_weights(base)


def test_a_fitting_adapter_passes(base, tmp_path):
    assert check_adapter(adapter(tmp_path), base, base_name="small-base")["peft_type"] == "LORA"


@pytest.mark.parametrize("shape", [{"inputs": 5}, {"outputs": 7}])
def test_an_adapter_of_another_shape_is_refused_naming_both(base, tmp_path, shape):
    other = adapter(tmp_path, "/elsewhere/large-base", **shape)
    with pytest.raises(ModelFileError, match=r"large-base.*small-base.*q_proj"):
        check_adapter(other, base, base_name="small-base")


def test_an_adapter_beside_the_configuration_of_another_is_refused(base, tmp_path):
    mixed = adapter(tmp_path)
    config = mixed / "adapter_config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps({**told, "r": told["r"] + 1}))
    with pytest.raises(ModelFileError, match=r"weights have rank \d, its adapter_config.json says"):
        check_adapter(mixed, base, base_name="small-base")


def test_an_adapter_of_an_equal_shape_but_another_name_is_refused(base, tmp_path):
    with pytest.raises(ModelFileError, match=r"org/other-base.*small-base"):
        check_adapter(adapter(tmp_path, "org/other-base"), base, base_name="small-base")
