"""What an engine's process needs, imported once in the process that it is forked from.

The imports take longer than all else that a lost engine has to do before it answers again.
"""

import contextlib

with contextlib.suppress(ImportError):  # the engine says what is missing when it is opened
    import openvino  # noqa: F401
    import torch  # noqa: F401
    from transformers import AutoTokenizer, GenerationConfig  # noqa: F401
