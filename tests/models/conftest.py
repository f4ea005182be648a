"""The embedded model in every engine, an adapter that changes it, and a server around it."""

import os
import threading
import time

import pytest

from metier.models.engines.fake import FakeModel
from metier.models.names.resolve import resolve
from metier.models.registry import local_model
from metier.types import Message

NAME = "smollm2-135m-instruct"


def ask(text):
    return (Message("user", text),)


@pytest.fixture(scope="session")
def directory():
    return resolve(NAME)


@pytest.fixture(scope="session")
def reference(directory):
    return local_model(directory, name=NAME, engine="transformers", precision="float32")


@pytest.fixture(scope="session")
def openvino(directory):
    return local_model(directory, name=NAME, engine="openvino", precision="float32")


@pytest.fixture(scope="session")
def adapter(directory, tmp_path_factory):
    """A LoRA adapter with random weights, large enough to change what the model says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    settings = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"])
    model = get_peft_model(base, settings)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    model.peft_config["default"].base_model_name_or_path = NAME
    path = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def tuned_reference(directory, adapter):
    return local_model(
        directory, name=NAME, adapter=adapter, engine="transformers", precision="float32"
    )


@pytest.fixture(scope="session")
def tuned_openvino(directory, adapter):
    return local_model(
        directory, name=NAME, adapter=adapter, engine="openvino", precision="float32"
    )


@pytest.fixture(scope="session")
def serve():
    """Start an ASGI app on a free port; gives its URL."""
    import uvicorn

    running = []

    def start(app):
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        running.append((server, thread))
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/v1"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def remote(reference, serve):
    from metier.models.engines.openai import OpenAIModel

    from .server import app_around

    os.environ.setdefault("OPENAI_API_KEY", "test")
    return OpenAIModel(NAME, base_url=serve(app_around(reference)))


@pytest.fixture(scope="session")
def tuned_remote(tuned_reference, serve):
    """An endpoint that serves the adapter, asked for by its model name as metier asks."""
    from metier.models.engines.openai import OpenAIModel

    from .server import app_around

    os.environ.setdefault("OPENAI_API_KEY", "test")
    return OpenAIModel(f"{NAME}-tuned", base_url=serve(app_around(tuned_reference)))


@pytest.fixture(scope="session", params=["fake", "transformers", "openvino", "openai"])
def model(request):
    """Every implementation of the contract."""
    if request.param == "fake":
        return FakeModel()
    names = {"transformers": "reference", "openvino": "openvino", "openai": "remote"}
    return request.getfixturevalue(names[request.param])
