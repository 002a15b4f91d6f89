"""The model files of the chart's values, asked of the Kubernetes API.

In a mounted ConfigMap the kubelet shows what is new only after up to 90 s. No Airflow here, and no client of
Kubernetes, whose import takes longer than the request.
"""

import json
import logging
import os
import shutil
import ssl
import tempfile
import time
import urllib.request
from pathlib import Path

CONFIG_MAP = "MOLINO_MODELS_CONFIG_MAP"
"""Variable that names the ConfigMap as `<namespace>/<name>`, in pods whose account may read it."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
FOLDERS = "molino-models-"
PATIENCE_SECONDS = 3.0
KEPT_SECONDS = 600.0
"""How long files of a version stay that another one has followed: a parse may still read them."""


def newest_model_files(mounted: Path, account: Path = ACCOUNT) -> Path:
    """Return a folder with the files that the ConfigMap has now; where it can't be asked, the one that is mounted.

    Args:
        mounted: the ConfigMap, as the kubelet shows it.
        account: folder with the token, and the authority of the API's certificate.
    """
    place = os.environ.get(CONFIG_MAP)
    if not place:
        return mounted
    try:
        return _unfold(_ask(place, account))
    except (OSError, ValueError, KeyError) as error:
        logging.getLogger(__name__).warning("ConfigMap %s can't be read, %s is taken: %s", place, mounted, error)
        return mounted


def _ask(place: str, account: Path) -> tuple[str, dict[str, str]]:
    """Return version and files of a ConfigMap.

    Raises:
        OSError: the API can't be reached, or refuses.
        ValueError: it answers with something else.
        KeyError: this is no pod, or it answers with something else.
    """
    namespace, _, name = place.partition("/")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"https://{server}:{port}/api/v1/namespaces/{namespace}/configmaps/{name}",
        headers={"Authorization": f"Bearer {(account / 'token').read_text().strip()}"},
    )
    trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(account / "ca.crt")))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusted)
    with opener.open(request, timeout=PATIENCE_SECONDS) as response:
        found = json.load(response)
    return found["metadata"]["resourceVersion"], found.get("data") or {}


def _unfold(found: tuple[str, dict[str, str]]) -> Path:
    """Return the folder of a version's files; it is made once, whole or not at all, and has the same name each time."""
    version, files = found
    root = Path(tempfile.gettempdir())
    folder = root / f"{FOLDERS}{version}"
    if not folder.is_dir():
        made = Path(tempfile.mkdtemp(prefix=f".{FOLDERS}"))
        for name, content in files.items():
            (made / name).write_text(content)
        try:
            made.rename(folder)
        except OSError:  # Another parse was first.
            shutil.rmtree(made, ignore_errors=True)
            if not folder.is_dir():
                raise
        for other in root.glob(f"{FOLDERS}*"):
            if other != folder and other.stat().st_mtime < time.time() - KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    return folder
