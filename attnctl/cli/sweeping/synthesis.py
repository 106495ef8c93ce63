"""Commands whose options depend on the modules that they name: `sweep ela --kernel 5,7`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Annotated, Any, get_args

from attnctl.cli.option_groups import expanded
from attnctl.cli.sweeping import dynamic_options, usage_errors
from attnctl.sources.signature import ModuleSource


def synthesize(
    function: Callable[..., int],
    words: Sequence[str],
    completing: bool,
    recipe: Sequence[inspect.Parameter] = (),
    others: Sequence[ModuleSource] = (),
) -> Callable[..., int]:
    """A command with the hyperparameters of the modules in `words`, what follows its name. Raises SpecError.

    others: the modules that count where `words` name none.

    function: takes the modules first, and all synthesized options as `dynamic`. recipe: more options to synthesize.
    completing: the shell is typing the words still, so that a name may not be whole.
    """
    function = expanded(function)
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    modules, *written = [item for item in parameters if item.name != "dynamic"]
    flags = {name for item in written if get_args(item.annotation)[0] is bool for name in option_names(item)}
    taken = {name for item in [*written, *recipe] for name in option_names(item)}
    flags |= {"--help", "-h", dynamic_options.HELP_RECIPE}
    sources = dynamic_options.named_modules(words, flags, lenient=completing) or list(others)
    own = dynamic_options.hyperparameter_options(sources, {*taken, "--help"})
    if dynamic_options.HELP_RECIPE in words:
        written = [item if item.name == "recipe" else _hidden(item) for item in written]
        own = [_hidden(item) for item in own]

    def command(**given: Any) -> int:
        static, dynamic = dynamic_options.collected(given)
        return function(**static, dynamic=dynamic)

    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature([modules, *own, *written, *recipe])  # type: ignore[attr-defined]
    command.explain_usage = partial(usage_errors.explain, sources)  # type: ignore[attr-defined]
    return command


def _hidden(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter, left out of the help."""
    declared, info = get_args(parameter.annotation)[:2]
    unseen = copy(info)
    unseen.hidden = True
    return parameter.replace(annotation=Annotated[declared, unseen])


def option_names(parameter: inspect.Parameter) -> tuple[str, ...]:
    """The names by which a command line gives a parameter, such as `--parameter` and `-p`."""
    info = get_args(parameter.annotation)[1]
    declared = [info.default, *(info.param_decls or ())]
    return tuple(name for name in declared if isinstance(name, str)) or (dynamic_options.option_name(parameter.name),)
