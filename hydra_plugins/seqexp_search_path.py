"""The conf/ folders of plug-ins, on Hydra's search path behind the project's own; and its launchers, which stand before
those of the same name that hydra-submitit-launcher brings.

Hydra imports this module at every start, of its other applications too, so it imports little itself.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin


class PluginFolders(SearchPathPlugin):
    """Adds them where the search path is this project's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        from seqexp.config import conf_directory
        from seqexp.system import plugins
        from seqexp.system.extras import LAUNCHERS

        if any(element.path == str(conf_directory()) for element in search_path.get_path()):
            for folder in plugins.conf_folders():
                search_path.append("seqexp plug-in", str(folder))
            stored = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
            for name in LAUNCHERS:  # Hydra would hold our file to the keys of theirs
                stored.pop(f"{name}.yaml", None)
