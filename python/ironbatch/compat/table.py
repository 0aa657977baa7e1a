"""Which module of BatchFlow has which names, where they come from, and what is not provided."""

from __future__ import annotations

__all__ = ["ABSENT", "NAMES", "PACKAGES", "VERSION", "advice_for"]

VERSION = "0.10.1"
"""The release whose names these are."""

_C = "ironbatch.compat"

_EXPRESSIONS = "NamedExpression B L C F V M D R W P PP I eval_expr"
_MONITORS = (
    "ResourceMonitor TotalCPUMonitor TotalMemoryMonitor TotalDiskMonitor DirDiskMonitor "
    "DiskIOMonitor CPUMonitor RSSMonitor VMSMonitor SHRMonitor USSMonitor GPUMonitor "
    "GPUMemoryUtilizationMonitor GPUMemoryMonitor MONITOR_ALIASES Monitor"
)
_SAMPLERS = "Sampler ConstantSampler NumpySampler HistoSampler ScipySampler"
_RANDOM = "make_rng make_seed_sequence spawn_seed_sequence"
_EXCEPTIONS = "SkipBatchException EmptyBatchSequence StopPipeline"


def _names(**sources: str) -> dict[str, str]:
    """Give the module of each name; two underscores in a keyword stand for a dot."""
    found = {}
    for source, names in sources.items():
        path = source.replace("__", ".")
        root = "" if path.startswith("ironbatch.") else f"{_C}."
        found.update(dict.fromkeys(names.split(), f"{root}{path}"))
    return found


_TRANSFORMS = {"ironbatch__transforms": "Normalizer", "quantizer": "Quantizer"}
_LATE = "DelayedImport MissingImport make_delayed_import make_delayed_imports try_import"

NAMES: dict[str, dict[str, str]] = {
    "": {
        # An earlier name of L, which no release had.
        "BA": f"{_C}.named_expr:L",
        **_names(
            base="Baseset",
            batch="Batch",
            batch_image="ImagesBatch",
            dataset="Dataset",
            pipeline="Pipeline",
            dsindex="DatasetIndex FilesIndex",
            named_expr=f"{_EXPRESSIONS} IF",
            decorators=(
                "action any_action_failed mjit deprecated apply_parallel inbatch_parallel parallel"
            ),
            saving="save_data_to read_data_from",
            late_imports="try_import make_delayed_import",
            config="Config",
            ironbatch__progress="Notifier notifier",
            ironbatch__monitor=_MONITORS,
            ironbatch__errors=_EXCEPTIONS,
            ironbatch__sampler=_SAMPLERS,
            ironbatch__random=_RANDOM,
            **_TRANSFORMS,
        ),
    },
    "base": _names(base="Baseset"),
    "batch": _names(
        batch="Batch",
        transforming="MethodsTransformingMeta",
        dsindex="DatasetIndex FilesIndex",
        decorators="action inbatch_parallel any_action_failed",
        components="create_item_class BaseComponents",
    ),
    "batch_image": _names(batch_image="BaseImagesBatch ImagesBatch"),
    "components": _names(
        components="AdvancedDict BaseComponents create_item_class get_from_source"
    ),
    "config": _names(config="Config"),
    "dataset": _names(dataset="Dataset"),
    "decorators": _names(
        decorators=(
            "action any_action_failed apply_parallel deprecated inbatch_parallel make_function "
            "mjit njit parallel"
        )
    ),
    "dsindex": _names(dsindex="DatasetIndex FilesIndex"),
    "exceptions": {
        **_names(ironbatch__errors=_EXCEPTIONS),
        "BatchFlowException": "ironbatch.errors:IronbatchError",
    },
    "model_dir": {"ModelDirectory": "ironbatch.pipeline.shared.models:Models"},
    "models": {
        "BaseModel": f"{_C}.model_bases",
        "SklearnModel": "ironbatch.models.sklearn_model",
    },
    "models.base": _names(model_bases="BaseModel"),
    "models.metrics": _names(model_bases="Metrics"),
    "models.sklearn": {"SklearnModel": "ironbatch.models.sklearn_model"},
    "models.torch": {"TorchModel": "ironbatch.models.torch_model"},
    "models.torch.base": {"TorchModel": "ironbatch.models.torch_model"},
    "monitor": _names(ironbatch__monitor=_MONITORS),
    "named_expr": {
        **_names(named_expr=f"{_EXPRESSIONS} IF _DummyBatch"),
        "BA": f"{_C}.named_expr:L",
    },
    "notifier": _names(ironbatch__progress="Notifier notifier"),
    "once_pipeline": {"OncePipeline": "ironbatch.pipeline.chain.once"},
    "pipeline": _names(pipeline="Pipeline"),
    "sampler": _names(ironbatch__sampler=_SAMPLERS),
    "utils": _names(
        saving="save_data_to read_data_from",
        sequences="copy1 is_iterable partialmethod to_list",
    ),
    "utils_import": _names(late_imports=_LATE),
    "utils_random": _names(ironbatch__random=_RANDOM),
    "utils_transforms": _names(**_TRANSFORMS),
    "variables": {
        "Variable": "ironbatch.pipeline.shared.variables",
        "VariableDirectory": "ironbatch.pipeline.shared.variables:Variables",
    },
}
"""For each module, its names and where they are: a module, or ``module:name``."""

PACKAGES = frozenset({"", "models", "models.metrics", "models.torch"})
"""Which of them hold other modules."""

_PLOT = "matplotlib, or ImagesBatch.show for images"
_ARCHITECTURES = (
    "a torch.nn.Module, or one of timm or torchvision by its name, in the config of TorchModel: "
    "{'model': 'timm:resnet18'}"
)

ABSENT: dict[str, str] = {
    "research": "a loop over configs that C(...) reads, or Optuna; a pipeline is cheap to copy",
    "opensets": "torchvision.datasets or Hugging Face datasets, handed to Dataset(preloaded=...)",
    "plotter": _PLOT,
    "plot": _PLOT,
    "profiler": "run(profile=True) with Pipeline.report, profile_info and show_profile_info",
    "pipeline_executor": "Pipeline.run and Pipeline.gen_batch",
    "utils_notebook": "the package nbtools, from which BatchFlow takes these functions",
    "pylint_notebook": "the package nbtools",
    "get_available_gpus": "the package nbtools, or torch.cuda",
    "set_gpus": "the package nbtools, or the variable CUDA_VISIBLE_DEVICES",
    "utils_telegram": "a callable as Notifier(bar=...), which may send messages",
    "TelegramMessage": "a callable as Notifier(bar=...), which may send messages",
    "models.tf": "models.torch",
    "models.keras": "models.torch",
    "models.torch": _ARCHITECTURES,
    "models.utils": _ARCHITECTURES,
    "models.metrics": "ironbatch.models.ClassificationMetrics and the like, or scikit-learn",
    "monitor": "one of the monitors in MONITOR_ALIASES",
}
"""What is not provided, and what to use instead. Of `models.torch` and the like: the rest of it."""


def advice_for(path: str) -> str | None:
    """Give what to use instead of a module or name that is not provided.

    Parameters
    ----------
    path : str
        Its path below the package, such as ``'models.torch.UNet'``.

    Returns
    -------
    str or None
        None where nothing is known of that name.

    Examples
    --------
    >>> advice_for('plotter.plot')
    'matplotlib, or ImagesBatch.show for images'
    >>> advice_for('nonsense')
    """
    while path:
        if path in ABSENT:
            return ABSENT[path]
        path = path.rpartition(".")[0]
    return None
