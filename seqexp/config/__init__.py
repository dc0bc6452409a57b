"""From overrides to checked objects: Hydra, schemas, plug-ins, building."""

from seqexp.config.compose import (
    check_choice,
    composed,
    conf_directory,
    conf_files,
    for_jobs,
    load_plugins,
    one_line,
    register_resolvers,
    tracking_defaults,
)
from seqexp.config.run_config import RunConfig, check, checked, stored

__all__ = [
    "RunConfig",
    "check",
    "check_choice",
    "checked",
    "composed",
    "conf_directory",
    "conf_files",
    "for_jobs",
    "load_plugins",
    "one_line",
    "register_resolvers",
    "stored",
    "tracking_defaults",
]
