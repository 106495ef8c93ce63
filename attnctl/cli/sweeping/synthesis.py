"""Commands whose options depend on the modules that they name: `sweep ela --kernel 5,7`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_args

from attnctl.cli.sweeping import dynamic_options


def synthesize(
    function: Callable[..., int], words: Sequence[str], completing: bool, recipe: Sequence[inspect.Parameter] = ()
) -> Callable[..., int]:
    """A command with the hyperparameters of the modules in `words`, what follows its name. Raises SpecError.

    function: takes the modules first, and all synthesized options as `dynamic`. recipe: more options to synthesize.
    completing: the shell is typing the words still, so that a name may not be whole.
    """
    modules, *written = [
        item for item in inspect.signature(function, eval_str=True).parameters.values() if item.name != "dynamic"
    ]
    flags = {name for item in written if get_args(item.annotation)[0] is bool for name in option_names(item)}
    taken = {name for item in [*written, *recipe] for name in option_names(item)}
    sources = dynamic_options.named_modules(words, {*flags, "--help", "-h"}, lenient=completing)
    own = dynamic_options.hyperparameter_options(sources, {*taken, "--help"})

    def command(**given: Any) -> int:
        static, dynamic = dynamic_options.collected(given)
        return function(**static, dynamic=dynamic)

    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature([modules, *own, *written, *recipe])  # type: ignore[attr-defined]
    return command


def option_names(parameter: inspect.Parameter) -> tuple[str, ...]:
    """The names by which a command line gives a parameter, such as `--parameter` and `-p`."""
    info = get_args(parameter.annotation)[1]
    declared = [info.default, *(info.param_decls or ())]
    return tuple(name for name in declared if isinstance(name, str)) or (dynamic_options.option_name(parameter.name),)
