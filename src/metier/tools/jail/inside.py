"""Runs the code where nothing but its own folder is left, as a notebook's cell would be."""

from __future__ import annotations

import ast
import os
import resource
import sys
import traceback
from types import ModuleType

from metier.tools.jail import kernel
from metier.tools.jail.filter import install
from metier.tools.jail.order import Order
from metier.tools.jail.tree import TEMPORARY, WORK

PACKAGES = "/packages"
FAILED, OUT_OF_MEMORY = 1, 3


def confine(order: Order) -> None:
    """The last walls: limits, and a short list of system calls."""
    seconds = max(1, int(order.seconds) + 1)
    limits = {
        resource.RLIMIT_AS: order.memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: order.disk,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: order.threads + 2,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
    os.chdir(WORK)
    kernel.die_with_parent()
    install(os.getpid())


def environment() -> dict[str, str]:
    """All that the code finds in ``os.environ``."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "HOME": str(WORK),
        "TMPDIR": str(TEMPORARY),
        "MPLCONFIGDIR": str(TEMPORARY / "matplotlib"),
        "MPLBACKEND": "agg",
        "LANG": "C.UTF-8",
        **one,
    }


def run(code: str) -> int:
    """Run the code; its last expression is printed, its open figures become PNG files."""
    sys.argv = ["main.py"]
    sys.path[:] = [path for path in sys.path if path.startswith(sys.base_prefix)]
    sys.path += [str(WORK), PACKAGES]
    for name in [one for one in sys.modules if one.split(".")[0] == "metier"]:
        del sys.modules[name]
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    try:
        _execute(code, main)
        _save_figures()
    except SystemExit as stop:
        return _exit_code(stop)
    except MemoryError:
        sys.stderr.write("MemoryError: the code needs more memory than it may have\n")
        return OUT_OF_MEMORY
    except BaseException as error:
        _show(error)
        return FAILED
    finally:
        sys.stdout.flush()
    return 0


def _execute(code: str, main: ModuleType) -> None:
    tree = ast.parse(code, "main.py")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "main.py", "exec"), vars(main))
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "main.py", "eval"), vars(main))
        if value is not None:
            sys.stdout.write(f"{value!r}\n")


def _save_figures() -> None:
    """Figures that were drawn and not saved: what ``plt.show()`` means where nobody looks."""
    plots = sys.modules.get("matplotlib.pyplot")
    if plots is None or any(name.endswith(_PICTURES) for name in os.listdir(WORK)):
        return
    for number in plots.get_fignums():
        plots.figure(number).savefig(WORK / f"figure-{number}.png")


_PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".pdf")


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return FAILED if stop.code else 0
    sys.stderr.write(f"{stop.code}\n")
    return FAILED


def _show(error: BaseException) -> None:
    """The traceback from the code's own first line on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != "main.py":
        frames = frames.tb_next
    sys.stderr.write("".join(traceback.format_exception(type(error), error, frames)))
